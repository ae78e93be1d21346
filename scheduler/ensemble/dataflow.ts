import type { CorrelationId } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import { type Demand, OUTPUTS } from "./demand.ts";
import type { EnsembleDescription } from "./description.ts";

/** The place in a sequence that a request, or a response for the steps after it, claims. */
export interface SequencePlace {
  readonly id: CorrelationId;
  readonly start: boolean;
  readonly end: boolean;
}

/** One tensor of an ensemble, in one iteration. */
export interface FlowValue {
  /** Undefined where a request left an optional input out, or a model gave no such output. */
  readonly tensor: Tensor | undefined;
  /** Rows of the request that made it; 0 where its maker has no batch dimension. */
  readonly rows: number;
  /** Set where the model that made it says another place than the request's. */
  readonly sequence: SequencePlace | undefined;
}

/** Everything that a step, or the response, waits for has come. */
export interface Firing {
  /** Number of the step; {@link OUTPUTS} for a response of the ensemble. */
  readonly step: number;
  /** Which of the step's runs, or of the responses, this is; 0 unless a decoupled model comes before it. */
  readonly iteration: number;
  /** In the order of the step's inputs, or of the demand's outputs. */
  readonly values: readonly FlowValue[];
}

/** Values that wait for others of the same iteration. */
interface Row {
  readonly values: FlowValue[];
  missing: number;
}

/**
 * The flow of one request's tensors: which steps can run with what has come so far. It holds a tensor only as long as a
 * step waits with it.
 *
 * Each response of a decoupled model is an iteration of the steps after it: these run once per iteration, and whatever
 * they read belongs to the same one. All inputs of a step come from the same decoupled model, or none of them does (checked
 * when the ensemble is loaded), so that iterations of different sources never meet.
 */
export class Dataflow {
  /** Incomplete rows by iteration, per step; those of the response are last. */
  readonly #waiting: (Map<number, Row> | undefined)[];
  /** Per step, how many responses it has given in all; for decoupled ones. */
  readonly #responses: number[];

  constructor(private readonly ensemble: EnsembleDescription, private readonly demand: Demand) {
    this.#waiting = new Array(ensemble.steps.length + 1).fill(undefined);
    this.#responses = new Array(ensemble.steps.length).fill(0);
  }

  /**
   * What can run at once with a request's inputs.
   *
   * @param rows of the request; 0 where the ensemble has no batch dimension.
   */
  begin(inputs: readonly Tensor[], rows: number): Firing[] {
    const ready: Firing[] = [];
    for (const name of this.ensemble.inputs) {
      const tensor = inputs.find((input) => input.name === name);
      this.#arrive(name, 0, { tensor, rows, sequence: undefined }, ready);
    }
    return ready;
  }

  /**
   * What can run after a response of a step.
   *
   * @param iteration of the step's run. @param rows of its request; 0 where its model has no batch dimension.
   */
  responded(
    step: number,
    iteration: number,
    outputs: readonly Tensor[],
    rows: number,
    sequence: SequencePlace | undefined,
  ): Firing[] {
    const ready: Firing[] = [];
    const { decoupled, outputs: mapped } = this.ensemble.steps[step];
    const next = decoupled ? this.#responses[step]++ : iteration;
    for (const { name, tensor: target, batching } of mapped) {
      const tensor = outputs.find((output) => output.name === name);
      const ownRows = batching === undefined ? rows : batching ? tensor?.shape[0] ?? 0 : 0;
      this.#arrive(target, next, { tensor, rows: ownRows, sequence }, ready);
    }
    return ready;
  }

  #arrive(tensor: string, iteration: number, value: FlowValue, ready: Firing[]): void {
    for (const { step, position } of this.demand.readersOf(tensor)) {
      const size = step === OUTPUTS ? this.demand.outputs.length : this.ensemble.steps[step].inputs.length;
      if (size === 1) {
        ready.push({ step, iteration, values: [value] });
        continue;
      }
      const index = step === OUTPUTS ? this.#responses.length : step;
      const rows = this.#waiting[index] ??= new Map();
      let row = rows.get(iteration);
      if (!row) rows.set(iteration, row = { values: new Array(size), missing: size });
      row.values[position] = value;
      if (--row.missing === 0) {
        rows.delete(iteration);
        ready.push({ step, iteration, values: row.values });
      }
    }
  }
}
