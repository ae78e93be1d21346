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

/** Sizes for a graph's free dimensions, and the range of its integers. */
export interface InputPlan {
  readonly shapes: readonly (readonly number[])[];
  /** Integers are below this: token ids, indices and lengths fit the more models the smaller it is. */
  readonly integerLimit: number;
}

/** Sizes tried for free dimensions other than the batch: small ones run fast, audio needs thousands of samples. */
const SIZES = [8, 32, 128, 512, 2048, 8192];
const BATCH_SIZES = [2, 1];
const INTEGER_LIMITS = [10, 2, 1];
/** Free dimensions for which sizes are also tried one by one against 1; more would be too many combinations. */
const MOST_COMBINED = 4;

/** Symbols that exporters write for "no name": such dimensions need not be equal. */
const NAMELESS = new Set(["", "?", "None", "unk", "dynamic"]);

/**
 * Ways to choose the free dimensions of `inputs`, likely ones first. What a model accepts is only known by running it:
 * a caller tries them until one runs.
 */
export function* inputPlans(inputs: readonly GraphTensor[]): Generator<InputPlan> {
  const { batch, others, indexOf } = freeDimensions(inputs);
  const plan = (sizes: ReadonlyMap<string, number>, integerLimit: number): InputPlan => ({
    shapes: inputs.map((input, i) => (input.shape ?? [1]).map((dim, d) => dim >= 0 ? dim : sizes.get(indexOf(i, d))!)),
    integerLimit,
  });
  if (batch.length + others.length === 0) {
    for (const limit of INTEGER_LIMITS) yield plan(new Map(), limit);
    return;
  }
  const sizes = others.length === 0 ? [1] : SIZES;
  const batchSizes = batch.length === 0 ? [1] : BATCH_SIZES;
  for (const limit of INTEGER_LIMITS) {
    for (const rows of batchSizes) {
      for (const size of sizes) {
        yield plan(
          new Map([...batch.map((key) => [key, rows] as const), ...others.map((key) => [key, size] as const)]),
          limit,
        );
      }
    }
    // Some of the dimensions may have to be 1, or follow the batch without saying so.
    if (others.length < 2 || others.length > MOST_COMBINED) continue;
    for (const size of SIZES) {
      for (let ones = 1; ones < 2 ** others.length - 1; ones++) {
        const chosen = new Map(batch.map((key) => [key, 1]));
        others.forEach((key, bit) => chosen.set(key, ones & (1 << bit) ? 1 : size));
        yield plan(chosen, limit);
      }
    }
  }
}

/** The free dimensions as keys: those with equal names share one. The first of a tensor is taken for its batch. */
function freeDimensions(inputs: readonly GraphTensor[]) {
  const indexOf = (input: number, dim: number) => {
    const symbol = inputs[input].symbols[dim] ?? "";
    return NAMELESS.has(symbol) ? `${input}.${dim}` : `=${symbol}`;
  };
  const batch = new Set<string>();
  const others = new Set<string>();
  inputs.forEach((input, i) => {
    if (input.shape?.[0] === -1) batch.add(indexOf(i, 0));
  });
  inputs.forEach((input, i) =>
    input.shape?.forEach((dim, d) => {
      const key = indexOf(i, d);
      if (dim === -1 && !batch.has(key)) others.add(key);
    })
  );
  return { batch: [...batch], others: [...others], indexOf };
}

/** Tensors as `plan` says: floats normal(0, 1), integers small and not negative, all the same for the same seed. */
export function generateInputs(inputs: readonly GraphTensor[], plan: InputPlan, seed: number): WorkerTensor[] {
  const random = new SeededRandom(seed);
  return inputs.map(({ name, datatype }, i) => {
    const shape = plan.shapes[i];
    return { name, datatype: datatype!, shape, data: generate(datatype!, elementCount(shape), plan, random) };
  });
}

function generate(datatype: DataType, count: number, { integerLimit }: InputPlan, random: SeededRandom): Uint8Array {
  if (datatype === "BYTES") {
    return encodeBytes(Array.from({ length: count }, () => String(random.integer(integerLimit))));
  }
  const data = new Uint8Array(count * ELEMENT_SIZE[datatype]);
  const view = new DataView(data.buffer);
  const size = ELEMENT_SIZE[datatype];
  for (let i = 0; i < count; i++) {
    const at = i * size;
    if (datatype === "FP32") view.setFloat32(at, random.normal(), true);
    else if (datatype === "FP64") view.setFloat64(at, random.normal(), true);
    else if (datatype === "FP16") view.setFloat16(at, random.normal(), true);
    // little-endian: the low byte first, the others stay 0
    else data[at] = random.integer(datatype === "BOOL" ? 2 : integerLimit);
  }
  return data;
}
