import { type DataType, ELEMENT_SIZE } from "../../core/data_type.ts";
import { elementCount, encodeBytes } from "../../core/tensor.ts";
import type { WorkerTensor } from "../worker/protocol.ts";
import type { GraphTensor } from "./graph.ts";

/** A source of numbers that is the same in every run. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1): mulberry32. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Normal with mean 0 and deviation 1: Box-Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Whole number in [0, limit). */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }
}

/** How to fill the inputs of a graph. */
export interface InputPlan {
  /** Full shapes, in the order of the graph's inputs. */
  readonly shapes: readonly (readonly number[])[];
  /** Random integers are below this: token ids, indices and lengths fit the more models the smaller it is. */
  readonly integerLimit: number;
  /** The value of integer inputs that have only one, where it is not to be random. */
  readonly integer: number | undefined;
}

/** Sizes tried for free dimensions other than the batch: small ones run fast, audio needs thousands of samples. */
const SIZES = [8, 32, 128, 512, 2048, 8192];
const BATCH_SIZES = [2, 1];
const INTEGER_LIMITS = [10, 2, 1];
/** Free dimensions of which every subset is also tried at the batch's size; more would be too many combinations. */
const MOST_COMBINED = 4;
/** Larger inputs are not tried: 16 MB of FP32. */
const MOST_ELEMENTS = 2 ** 22;

/** Symbols that exporters write for "no name": such dimensions need not be equal. */
const NAMELESS = new Set(["", "?", "None", "unk", "dynamic"]);

/**
 * Ways to fill the inputs of a graph, likely ones first. What a model accepts is only known by running it: a caller tries
 * them until one runs.
 *
 * @param integer value of integer inputs that have only one.
 */
export function* inputPlans(
  graph: { readonly inputs: readonly GraphTensor[]; readonly outputs: readonly GraphTensor[] },
  integer?: number,
): Generator<InputPlan> {
  for (const integerLimit of INTEGER_LIMITS) {
    for (const shapes of shapeChoices(graph.inputs, graph.outputs)) yield { shapes, integerLimit, integer };
  }
}

function* shapeChoices(inputs: readonly GraphTensor[], outputs: readonly GraphTensor[]): Generator<number[][]> {
  const { batch, others, keyOf } = freeDimensions(inputs);
  const shapesWith = (rows: number, sizeOf: (key: string, index: number) => number) => {
    const sizes = new Map(batch.map((key) => [key, rows]));
    others.forEach((key, index) => sizes.set(key, sizeOf(key, index)));
    return inputs.map((input, i) => (input.shape ?? [1]).map((dim, d) => dim >= 0 ? dim : sizes.get(keyOf(i, d))!));
  };
  if (batch.length + others.length === 0) return yield shapesWith(1, () => 1);
  const hints = sizesOfOutputs(inputs, outputs, keyOf);
  if (hints.size > 0) yield shapesWith(1, (key) => hints.get(key) ?? SIZES[1]);
  const subsets = others.length <= MOST_COMBINED ? 2 ** others.length : 1;
  for (const size of others.length === 0 ? [1] : SIZES) {
    for (const rows of batch.length === 0 ? [1] : BATCH_SIZES) {
      // Some of the dimensions may follow the batch without saying so.
      for (let like = 0; like < subsets; like++) {
        const shapes = shapesWith(rows, (_, index) => like & (1 << index) ? rows : size);
        if (shapes.reduce((sum, shape) => sum + elementCount(shape), 0) <= MOST_ELEMENTS) yield shapes;
      }
    }
  }
}

/** Sizes of free dimensions that an output of the same rank fixes: image models often take the size that they give. */
function sizesOfOutputs(
  inputs: readonly GraphTensor[],
  outputs: readonly GraphTensor[],
  keyOf: (input: number, dim: number) => string,
): Map<string, number> {
  const sizes = new Map<string, number>();
  inputs.forEach(({ shape }, i) =>
    shape?.forEach((dim, d) => {
      const like = outputs.find((output) => output.shape?.length === shape.length && output.shape[d] > 1);
      if (dim === -1 && d > 0 && like) sizes.set(keyOf(i, d), like.shape![d]);
    })
  );
  return sizes;
}

/** The free dimensions as keys: those with equal names share one. The first of a tensor is taken for its batch. */
function freeDimensions(inputs: readonly GraphTensor[]) {
  const keyOf = (input: number, dim: number) => {
    const symbol = inputs[input].symbols[dim] ?? "";
    return NAMELESS.has(symbol) ? `${input}.${dim}` : `=${symbol}`;
  };
  const batch = new Set<string>();
  const others = new Set<string>();
  inputs.forEach((input, i) => {
    if (input.shape?.[0] === -1) batch.add(keyOf(i, 0));
  });
  inputs.forEach((input, i) =>
    input.shape?.forEach((dim, d) => {
      const key = keyOf(i, d);
      if (dim === -1 && !batch.has(key)) others.add(key);
    })
  );
  return { batch: [...batch], others: [...others], keyOf };
}

/** Tensors as `plan` says: floats normal(0, 1), integers small and not negative, all the same for the same seed. */
export function generateInputs(inputs: readonly GraphTensor[], plan: InputPlan, seed: number): WorkerTensor[] {
  const random = new SeededRandom(seed);
  return inputs.map(({ name, datatype }, i) => {
    const shape = plan.shapes[i];
    return { name, datatype: datatype!, shape, data: generate(datatype!, elementCount(shape), plan, random) };
  });
}

function generate(datatype: DataType, count: number, plan: InputPlan, random: SeededRandom): Uint8Array {
  if (datatype === "BYTES") {
    return encodeBytes(Array.from({ length: count }, () => String(random.integer(plan.integerLimit))));
  }
  const size = ELEMENT_SIZE[datatype];
  const data = new Uint8Array(count * size);
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += size) {
    if (datatype === "FP32") view.setFloat32(at, random.normal(), true);
    else if (datatype === "FP64") view.setFloat64(at, random.normal(), true);
    else if (datatype === "FP16") view.setFloat16(at, random.normal(), true);
    else if (datatype === "BOOL") data[at] = random.integer(2);
    else if (count === 1 && plan.integer !== undefined) setInteger(data, plan.integer);
    // little-endian: the low byte first, the others stay 0
    else data[at] = random.integer(plan.integerLimit);
  }
  return data;
}

/** Writes a non-negative integer, little-endian, over all bytes of `data`; what does not fit is cut off. */
function setInteger(data: Uint8Array, value: number): void {
  for (let i = 0, rest = value; i < data.length; i++, rest = Math.floor(rest / 256)) data[i] = rest % 256;
}
