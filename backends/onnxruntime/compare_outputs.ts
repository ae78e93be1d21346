import { type DataType, ELEMENT_SIZE } from "../../core/data_type.ts";
import type { Tensor } from "../../core/tensor.ts";
import { shapeText } from "./describe.ts";

/** How far two runtimes may differ: `|a - b| <= absolute * max(1, largest |b|) + relative * |b|`. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/**
 * Floating point differs between runtimes by the order of additions and by approximations of `exp` and friends. Integers
 * and booleans must be equal.
 */
export function toleranceOf(datatype: DataType, lowPrecision: boolean): Tolerance {
  if (datatype === "FP16" || (lowPrecision && datatype === "FP32")) return { relative: 2e-2, absolute: 5e-3 };
  if (datatype === "FP32" || datatype === "FP64") return { relative: 2e-3, absolute: 3e-4 };
  return { relative: 0, absolute: 0 };
}

/** What {@link compareOutputs} found. */
export interface Comparison {
  /** The largest difference of the first output that has one beyond tolerance, as a sentence; "" when all agree. */
  readonly mismatch: string;
  /** The largest difference in units of its tolerance: 1 is just within. */
  readonly largest: number;
}

/**
 * Compares outputs of the same inputs on two runtimes, in order.
 *
 * @param expected the CPU's.
 * @param lowPrecision whether the model's weights have less precision than its outputs.
 * @param valuesMayDiffer compare only types and shapes: for models that draw random numbers.
 */
export function compareOutputs(
  expected: readonly Tensor[],
  actual: readonly Tensor[],
  lowPrecision: boolean,
  valuesMayDiffer: boolean,
): Comparison {
  let largest = 0;
  for (const reference of expected) {
    const found = actual.find(({ name }) => name === reference.name);
    if (!found) return { mismatch: `output '${reference.name}' is missing`, largest };
    if (found.datatype !== reference.datatype || shapeText(found.shape) !== shapeText(reference.shape)) {
      const mismatch = `output '${reference.name}' is ${found.datatype} ${shapeText(found.shape)}, the CPU gives ` +
        `${reference.datatype} ${shapeText(reference.shape)}`;
      return { mismatch, largest };
    }
    if (valuesMayDiffer) continue;
    const result = compareTensor(reference, found, toleranceOf(reference.datatype, lowPrecision));
    if (result.mismatch !== "") return result;
    largest = Math.max(largest, result.largest);
  }
  return { mismatch: "", largest };
}

function compareTensor(expected: Tensor, actual: Tensor, { relative, absolute }: Tolerance): Comparison {
  const read = reader(expected.datatype);
  if (!read || relative === 0) return compareExactly(expected, actual);
  const size = ELEMENT_SIZE[expected.datatype];
  const ours = viewOf(expected.data);
  const theirs = viewOf(actual.data);
  let scale = 1;
  for (let at = 0; at < expected.data.length; at += size) {
    const value = Math.abs(read(ours, at));
    if (value > scale && value < Infinity) scale = value;
  }
  const toleranceAt = (reference: number) => absolute * scale + relative * Math.abs(reference);
  let largest = 0;
  let worst = 0;
  for (let at = 0; at < expected.data.length; at += size) {
    const reference = read(ours, at);
    const value = read(theirs, at);
    if (value === reference || (value !== value && reference !== reference)) continue;
    // not a number against a number, or against infinity: as wrong as can be
    const ratio = Math.abs(value - reference) / toleranceAt(reference) || Infinity;
    if (ratio > largest) [largest, worst] = [ratio, at];
  }
  if (largest <= 1) return { mismatch: "", largest };
  const reference = read(ours, worst);
  return {
    mismatch: differs(expected.name, worst / size, read(theirs, worst), reference, toleranceAt(reference)),
    largest,
  };
}

function compareExactly(expected: Tensor, actual: Tensor): Comparison {
  const size = ELEMENT_SIZE[expected.datatype] || 1;
  const same = expected.data.length === actual.data.length;
  const at = same ? expected.data.findIndex((byte, i) => byte !== actual.data[i]) : 0;
  if (same && at === -1) return { mismatch: "", largest: 0 };
  const index = Math.floor(at / size);
  const read = reader(expected.datatype);
  const mismatch = read
    ? differs(expected.name, index, read(viewOf(actual.data), index * size), read(viewOf(expected.data), index * size))
    : `output '${expected.name}' differs at byte ${at}`;
  return { mismatch, largest: Infinity };
}

function differs(name: string, index: number, value: number, reference: number, tolerance?: number): string {
  const allowed = tolerance === undefined
    ? "must be equal"
    : `differs by ${short(Math.abs(value - reference))}, allowed ${short(tolerance)}`;
  return `output '${name}' at index ${index} is ${short(value)}, the CPU gives ${short(reference)} (${allowed})`;
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
