import type { EnsembleDescription } from "./description.ts";

/** Where a tensor is read: the input of a step, or an output of the ensemble itself. */
export interface Reader {
  /** Number of the step; {@link OUTPUTS} for the ensemble. */
  readonly step: number;
  /** Position among the step's inputs, or among {@link Demand.outputs}. */
  readonly position: number;
}

/** Stands for the ensemble as the reader of its outputs. */
export const OUTPUTS = -1;

const NO_READERS: readonly Reader[] = [];

/** What has to run so that a request gets the outputs it asks for, and who reads what on the way. */
export class Demand {
  /** The outputs wanted, in the order in which a response carries them: by name. */
  readonly outputs: readonly string[];
  /** Per step, the outputs to ask its model for; empty for a step that is not needed. */
  readonly stepOutputs: readonly (readonly string[])[];
  readonly #readers: ReadonlyMap<string, readonly Reader[]>;

  /** @param outputs names; empty for all. */
  constructor(ensemble: EnsembleDescription, outputs: readonly string[]) {
    const all = ensemble.outputs.map(({ name }) => name);
    this.outputs = (outputs.length === 0 ? all : all.filter((name) => outputs.includes(name))).sort();

    const wanted = neededTensors(ensemble, this.outputs);
    const readers = new Map<string, Reader[]>();
    const read = (tensor: string, reader: Reader) => {
      const known = readers.get(tensor);
      if (known) known.push(reader);
      else readers.set(tensor, [reader]);
    };
    this.outputs.forEach((tensor, position) => read(tensor, { step: OUTPUTS, position }));
    this.stepOutputs = ensemble.steps.map(({ inputs, outputs }, step) => {
      const asked = outputs.filter(({ tensor }) => wanted.has(tensor));
      if (asked.length > 0) inputs.forEach(({ tensor }, position) => read(tensor, { step, position }));
      return asked.map(({ name }) => name);
    });
    this.#readers = readers;
  }

  /** Who reads a tensor; nobody reads one that is not needed. */
  readersOf(tensor: string): readonly Reader[] {
    return this.#readers.get(tensor) ?? NO_READERS;
  }
}

/** The tensors that lead to `outputs`, these included. */
function neededTensors({ steps }: EnsembleDescription, outputs: readonly string[]): ReadonlySet<string> {
  const writers = new Map(steps.flatMap((step) => step.outputs.map(({ tensor }) => [tensor, step])));
  const needed = new Set(outputs);
  // A set that grows while it is walked is walked to its end.
  for (const tensor of needed) for (const input of writers.get(tensor)?.inputs ?? []) needed.add(input.tensor);
  return needed;
}

/** More sets of outputs than this are worked out anew each time: how many there are is up to the clients. */
const MAX_REMEMBERED = 64;

/** The demands of an ensemble by the outputs that requests ask for, each worked out once. */
export class Demands {
  readonly #all: Demand;
  readonly #byOutputs = new Map<string, Demand>();

  constructor(private readonly ensemble: EnsembleDescription) {
    this.#all = new Demand(ensemble, []);
  }

  /** @param outputs as in a request: names of outputs of the ensemble, each once; empty for all. */
  of(outputs: readonly string[]): Demand {
    if (outputs.length === 0 || outputs.length === this.ensemble.outputs.length) return this.#all;
    const key = outputs.join("\0");
    let demand = this.#byOutputs.get(key);
    if (!demand) {
      demand = new Demand(this.ensemble, outputs);
      if (this.#byOutputs.size < MAX_REMEMBERED) this.#byOutputs.set(key, demand);
    }
    return demand;
  }
}
