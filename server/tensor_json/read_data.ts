import type { DataType } from "../../core/data_type.ts";
import {
  bytesElementNotAString,
  elementCountMismatch,
  integerOutOfRange,
  jsonTooDeep,
  wrongJsonType,
} from "../../core/errors/http.ts";
import { JsonDouble, type JsonValue, MAX_DATA_DEPTH } from "./parser.ts";
import { encodeText } from "./text.ts";

type IntegerArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
type FloatArray = Float32Array | Float64Array | Float16Array;
type BigIntegerArray = BigInt64Array | BigUint64Array;

/** Smallest and largest value of the integer types. */
const RANGES: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  UINT8: [0, 2 ** 8 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  UINT16: [0, 2 ** 16 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  UINT32: [0, 2 ** 32 - 1],
};
const BIG_RANGES: Readonly<Partial<Record<DataType, readonly [bigint, bigint]>>> = {
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

/** True where the elements of `data` have to be integers. */
export function isIntegerType(datatype: DataType): boolean {
  return datatype in RANGES || datatype in BIG_RANGES;
}

/**
 * The bytes of a tensor whose elements a request gives as JSON: flat or nested arrays in row-major order, nested as the
 * client likes as long as the number of elements is right.
 *
 * FP16 and BF16 are numbers, rounded to the nearest. Finite numbers too big for FP32 become infinite.
 *
 * @param count elements of the shape, greater than 0.
 * @throws Status INVALID_ARGUMENT naming the element. Of a document that is not exact it means only that the exact one
 *   has to be looked at.
 */
export function readData(
  input: string,
  datatype: DataType,
  shape: readonly number[],
  count: number,
  data: JsonValue[],
): Uint8Array {
  let out: IntegerArray | FloatArray | BigIntegerArray;
  let got: number;
  switch (datatype) {
    case "BYTES":
      return readStrings(input, shape, count, data);
    case "BOOL":
      out = new Uint8Array(count);
      got = fillBooleans(input, out, 0, data, 1);
      break;
    case "FP16":
      out = new Float16Array(count);
      got = fillFloats(input, out, 0, data, 1);
      break;
    case "FP32":
      out = new Float32Array(count);
      got = fillFloats(input, out, 0, data, 1);
      break;
    case "FP64":
      out = new Float64Array(count);
      got = fillFloats(input, out, 0, data, 1);
      break;
    case "BF16": {
      const wide = new Float32Array(count);
      got = fillFloats(input, wide, 0, data, 1);
      out = roundToBfloat16(wide);
      break;
    }
    case "INT64":
      out = new BigInt64Array(count);
      got = fillBigIntegers(input, datatype, out, 0, data, 1);
      break;
    case "UINT64":
      out = new BigUint64Array(count);
      got = fillBigIntegers(input, datatype, out, 0, data, 1);
      break;
    case "INT32":
      out = new Int32Array(count);
      got = fillInt32(input, out, 0, data, 1);
      break;
    default:
      out = integerArray(datatype, count);
      got = fillIntegers(input, datatype, out, 0, data, 1);
  }
  if (got !== count) throw elementCountMismatch(input, shape, count, got);
  return new Uint8Array(out.buffer);
}

function integerArray(datatype: DataType, count: number): IntegerArray {
  switch (datatype) {
    case "INT8":
      return new Int8Array(count);
    case "UINT8":
      return new Uint8Array(count);
    case "INT16":
      return new Int16Array(count);
    case "UINT16":
      return new Uint16Array(count);
    default:
      return new Uint32Array(count);
  }
}

// Each fills `out` from position `at` on with the elements of `data`, and returns the position after the last one, which
// may be past the end: writing there does nothing.

function fillInt32(input: string, out: Int32Array, at: number, data: JsonValue[], depth: number): number {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === "number" && (value | 0) === value) out[at++] = value;
    else if (Array.isArray(value)) at = fillInt32(input, out, at, value, deeper(depth));
    else throw notAnInteger(input, "INT32", at, value);
  }
  return at;
}

function fillIntegers(
  input: string,
  datatype: DataType,
  out: IntegerArray,
  at: number,
  data: JsonValue[],
  depth: number,
): number {
  const [low, high] = RANGES[datatype]!;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === "number" && value >= low && value <= high && Math.floor(value) === value) out[at++] = value;
    else if (Array.isArray(value)) at = fillIntegers(input, datatype, out, at, value, deeper(depth));
    else throw notAnInteger(input, datatype, at, value);
  }
  return at;
}

function fillBigIntegers(
  input: string,
  datatype: DataType,
  out: BigIntegerArray,
  at: number,
  data: JsonValue[],
  depth: number,
): number {
  const [low, high] = BIG_RANGES[datatype]!;
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (Array.isArray(value)) {
      at = fillBigIntegers(input, datatype, out, at, value, deeper(depth));
      continue;
    }
    const exact = typeof value === "bigint"
      ? value
      : typeof value === "number" && Number.isSafeInteger(value)
      ? BigInt(value)
      : undefined;
    if (exact === undefined || exact < low || exact > high) throw notAnInteger(input, datatype, at, value);
    out[at++] = exact;
  }
  return at;
}

function fillFloats(input: string, out: FloatArray, at: number, data: JsonValue[], depth: number): number {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    // Only the native parser gives infinite numbers: for what the exact one refuses as too big.
    if (typeof value === "number" && value * 0 === 0) out[at++] = value;
    else if (Array.isArray(value)) at = fillFloats(input, out, at, value, deeper(depth));
    else if (value instanceof JsonDouble) out[at++] = value.value;
    else if (typeof value === "bigint") out[at++] = Number(value);
    else throw wrongJsonType("data", "double", where(input, at, value, "a number"));
  }
  return at;
}

function fillBooleans(input: string, out: Uint8Array, at: number, data: JsonValue[], depth: number): number {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === "boolean") out[at++] = value ? 1 : 0;
    else if (Array.isArray(value)) at = fillBooleans(input, out, at, value, deeper(depth));
    else throw wrongJsonType("data", "boolean", where(input, at, value, "true or false"));
  }
  return at;
}

function readStrings(input: string, shape: readonly number[], count: number, data: JsonValue[]): Uint8Array {
  const parts: Uint8Array[] = [];
  collectStrings(input, parts, data, 1);
  if (parts.length !== count) throw elementCountMismatch(input, shape, count, parts.length);
  let size = 0;
  for (let i = 0; i < parts.length; i++) size += 4 + parts[i].length;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    view.setUint32(at, parts[i].length, true);
    out.set(parts[i], at + 4);
    at += 4 + parts[i].length;
  }
  return out;
}

function collectStrings(input: string, parts: Uint8Array[], data: JsonValue[], depth: number): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value === "string") parts.push(encodeText(value));
    else if (Array.isArray(value)) collectStrings(input, parts, value, deeper(depth));
    else throw bytesElementNotAString(input, parts.length, show(value));
  }
}

function deeper(depth: number): number {
  if (depth >= MAX_DATA_DEPTH) throw jsonTooDeep(MAX_DATA_DEPTH);
  return depth + 1;
}

/** Rounds to the nearest, ties to even; a NaN stays one. */
function roundToBfloat16(wide: Float32Array): Uint16Array {
  const bits = new Uint32Array(wide.buffer);
  const out = new Uint16Array(wide.length);
  for (let i = 0; i < out.length; i++) {
    const all = bits[i];
    out[i] = (all & 0x7fffffff) > 0x7f800000 ? all >>> 16 | 0x40 : all + 0x7fff + (all >>> 16 & 1) >>> 16;
  }
  return out;
}

function notAnInteger(input: string, datatype: DataType, element: number, value: JsonValue) {
  const range = RANGES[datatype] ?? BIG_RANGES[datatype]!;
  const unsigned = datatype.startsWith("U");
  const given = typeof value === "bigint" || typeof value === "number" && Number.isInteger(value);
  // What the reference server's library cannot take for a 64-bit integer of the right kind is a type error to it.
  const [low, high] = BIG_RANGES[unsigned ? "UINT64" : "INT64"]!;
  if (given && BigInt(value) >= low && BigInt(value) <= high) {
    return integerOutOfRange(input, element, String(value), datatype, String(range[0]), String(range[1]));
  }
  const expected = `an integer from ${range[0]} to ${range[1]}`;
  return wrongJsonType(
    "data",
    unsigned ? "unsigned-integer" : "signed-integer",
    where(input, element, value, expected),
  );
}

function where(input: string, element: number, value: JsonValue, expected: string): string {
  return `element ${element} of input '${input}' is ${show(value)}, expected ${expected}`;
}

/** A value as an error shows it, shortened. */
export function show(value: JsonValue | undefined): string {
  if (value instanceof JsonDouble) return value.text.length > 40 ? `${value.text.slice(0, 40)}…` : value.text;
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
