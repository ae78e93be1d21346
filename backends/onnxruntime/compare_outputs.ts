import { type DataType, ELEMENT_SIZE } from "../../core/data_type.ts";
import type { Tensor } from "../../core/tensor.ts";
import { shapeText } from "./describe.ts";

/**
 * How far a runtime's values `a` may be from the CPU's `b`. The first bound is wide, since single elements stray far where
 * a network amplifies; the second is narrow, since right outputs as a whole do not.
 */
export interface Tolerance {
  /** Each element: `|a - b| <= largest * (max |b|, at least 1) + relative * |b|`. */
  readonly largest: number;
  readonly relative: number;
  /** The tensor: `rms(a - b) <= whole * rms(b)`, or {@link NOISE}. */
  readonly whole: number;
}

/** Differences below this, in the root mean square, mean nothing. */
const NOISE = 1e-6;

/**
 * Floating point differs between runtimes by the order of additions and by approximations of `exp` and friends: in the
 * root mean square by 1e-8 to 1e-4 of the output, where wrong ones began at 8e-4. Integers and booleans must be equal.
 */
export function toleranceOf(datatype: DataType, lowPrecision: boolean): Tolerance {
  if (datatype === "FP16" || (lowPrecision && datatype === "FP32")) {
    return { largest: 5e-2, relative: 2e-2, whole: 1e-2 };
  }
  if (datatype === "FP32" || datatype === "FP64") return { largest: 5e-3, relative: 2e-3, whole: 3e-4 };
  return { largest: 0, relative: 0, whole: 0 };
}

/** What {@link compareOutputs} found. */
export interface Comparison {
  /** The largest difference, as a sentence, where one is beyond tolerance; "" when the outputs agree. */
  readonly mismatch: string;
  /** The largest difference in units of what is allowed: 1 is just within. */
  readonly largest: number;
}

/**
 * Compares outputs of the same inputs on two runtimes, in order.
 *
 * @param expected the CPU's.
 * @param lowPrecision whether the model's weights have less precision than its outputs.
 * @param valuesMayDiffer compare only types and shapes: for models that draw random numbers.
 * @param giver who gave what is expected, with its verb.
 */
export function compareOutputs(
  expected: readonly Tensor[],
  actual: readonly Tensor[],
  lowPrecision: boolean,
  valuesMayDiffer: boolean,
  giver = "the CPU gives",
): Comparison {
  let worst: Comparison = { mismatch: "", largest: 0 };
  for (const reference of expected) {
    const found = actual.find(({ name }) => name === reference.name);
    if (!found) return { mismatch: `output '${reference.name}' is missing`, largest: Infinity };
    if (found.datatype !== reference.datatype || shapeText(found.shape) !== shapeText(reference.shape)) {
      const mismatch = `output '${reference.name}' is ${found.datatype} ${shapeText(found.shape)}, ${giver} ` +
        `${reference.datatype} ${shapeText(reference.shape)}`;
      return { mismatch, largest: Infinity };
    }
    if (valuesMayDiffer) continue;
    const result = compareTensor(reference, found, toleranceOf(reference.datatype, lowPrecision), giver);
    if (result.largest > worst.largest) worst = result;
  }
  return worst;
}

function compareTensor(expected: Tensor, actual: Tensor, tolerance: Tolerance, giver: string): Comparison {
  const read = reader(expected.datatype);
  if (!read || tolerance.relative === 0) return compareExactly(expected, actual, giver);
  const size = ELEMENT_SIZE[expected.datatype];
  const ours = viewOf(expected.data);
  const theirs = viewOf(actual.data);
  let scale = 1;
  let power = 0;
  for (let at = 0; at < expected.data.length; at += size) {
    const value = Math.abs(read(ours, at));
    if (!(value < Infinity)) continue;
    power += value * value;
    if (value > scale) scale = value;
  }
  const allowedAt = (reference: number) => tolerance.largest * scale + tolerance.relative * Math.abs(reference);
  let error = 0;
  let largest = 0;
  let worst = 0;
  for (let at = 0; at < expected.data.length; at += size) {
    const reference = read(ours, at);
    const value = read(theirs, at);
    if (value === reference || (value !== value && reference !== reference)) continue;
    const difference = Math.abs(value - reference);
    error += difference * difference;
    // not a number against a number, or against infinity: as wrong as can be
    const ratio = difference / allowedAt(reference) || Infinity;
    if (ratio > largest) [largest, worst] = [ratio, at];
  }
  const count = expected.data.length / size;
  const rms = Math.sqrt(error / count) || 0;
  const rmsAllowed = Math.max(NOISE, tolerance.whole * Math.sqrt(power / count));
  if (largest <= 1 && rms <= rmsAllowed) return { mismatch: "", largest: Math.max(largest, rms / rmsAllowed || 0) };
  const reference = read(ours, worst);
  const allowed = largest > 1
    ? `allowed ${short(allowedAt(reference))}`
    : `and the output as a whole by ${short(rms)}, allowed ${short(rmsAllowed)}`;
  return {
    mismatch: differs(expected.name, worst / size, read(theirs, worst), reference, giver, allowed),
    largest: Math.max(largest, rms / rmsAllowed),
  };
}

function compareExactly(expected: Tensor, actual: Tensor, giver: string): Comparison {
  const size = ELEMENT_SIZE[expected.datatype] || 1;
  const same = expected.data.length === actual.data.length;
  const at = same ? expected.data.findIndex((byte, i) => byte !== actual.data[i]) : 0;
  if (same && at === -1) return { mismatch: "", largest: 0 };
  const index = Math.floor(at / size);
  const read = reader(expected.datatype);
  const mismatch = read
    ? differs(
      expected.name,
      index,
      read(viewOf(actual.data), index * size),
      read(viewOf(expected.data), index * size),
      giver,
    )
    : `output '${expected.name}' differs at byte ${at}`;
  return { mismatch, largest: Infinity };
}

function differs(
  name: string,
  index: number,
  value: number,
  reference: number,
  giver: string,
  allowed?: string,
): string {
  const difference = allowed === undefined
    ? "must be equal"
    : `differs by ${short(Math.abs(value - reference))}, ${allowed}`;
  return `output '${name}' at index ${index} is ${short(value)}, ${giver} ${short(reference)} (${difference})`;
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function reader(datatype: DataType): ((view: DataView, at: number) => number) | undefined {
  switch (datatype) {
    case "FP32":
      return (view, at) => view.getFloat32(at, true);
    case "FP64":
      return (view, at) => view.getFloat64(at, true);
    case "FP16":
      return (view, at) => view.getFloat16(at, true);
    case "INT64":
      return (view, at) => Number(view.getBigInt64(at, true));
    case "UINT64":
      return (view, at) => Number(view.getBigUint64(at, true));
    case "INT32":
      return (view, at) => view.getInt32(at, true);
    case "UINT32":
      return (view, at) => view.getUint32(at, true);
    case "INT16":
      return (view, at) => view.getInt16(at, true);
    case "UINT16":
      return (view, at) => view.getUint16(at, true);
    case "INT8":
      return (view, at) => view.getInt8(at);
    case "UINT8":
    case "BOOL":
      return (view, at) => view.getUint8(at);
  }
}
