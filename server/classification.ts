import type { DataType } from "../core/data_type.ts";
import { classificationTooLarge, classificationUnsupported } from "../core/errors/wire.ts";
import { alignedBytes, encodeBytes, type Tensor } from "../core/tensor.ts";

/** Elements of an output that is classified. */
const MAX_ELEMENTS = 1_000_000;
/** Up to as many classes are picked by insertion, more by sorting everything. */
const INSERTION_LIMIT = 64;

type Values =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

interface ValuesType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Values;
}

const TYPES: Readonly<Partial<Record<DataType, ValuesType>>> = {
  INT8: Int8Array,
  UINT8: Uint8Array,
  INT16: Int16Array,
  UINT16: Uint16Array,
  INT32: Int32Array,
  UINT32: Uint32Array,
  INT64: BigInt64Array,
  UINT64: BigUint64Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/**
 * The classification extension: the `count` highest values of an output, highest first, equal ones in their order, as
 * `BYTES` elements `value:index` or `value:index:label`. Every row of a batch is classified on its own, its other
 * dimensions flattened.
 *
 * @param count greater than 0; not more than a row has are returned.
 * @param batched the first dimension counts rows.
 * @returns shape `[rows, count]`, or `[count]` where not batched.
 * @throws Status INVALID_ARGUMENT for types without an order (BOOL, BYTES) and half floats, and for more than a million
 *   elements.
 */
export function classify(output: Tensor, count: number, batched: boolean, labels: readonly string[]): Tensor {
  const { name, datatype, shape } = output;
  const type = TYPES[datatype];
  if (!type) throw classificationUnsupported(datatype);
  const data = alignedBytes(output.data, type.BYTES_PER_ELEMENT);
  const values = new type(data.buffer, data.byteOffset, data.byteLength / type.BYTES_PER_ELEMENT);
  if (values.length > MAX_ELEMENTS) throw classificationTooLarge(values.length, MAX_ELEMENTS);
  const rows = batched && shape.length > 0 ? shape[0] : 1;
  const perRow = rows === 0 ? 0 : values.length / rows;
  const kept = Math.min(count, perRow);
  const write = datatype === "FP32" || datatype === "FP64" ? fixed : String;
  const classes: string[] = [];
  for (let row = 0; row < rows; row++) {
    const scores = values.subarray(row * perRow, (row + 1) * perRow);
    for (const index of highest(scores, kept)) {
      const label = labels[index];
      classes.push(`${write(scores[index])}:${index}${label === undefined || label === "" ? "" : `:${label}`}`);
    }
  }
  return { name, datatype: "BYTES", shape: batched ? [rows, kept] : [kept], data: encodeBytes(classes) };
}

/** Indices of the `count` highest values; a NaN is lower than every number. */
function highest(values: Values, count: number): ArrayLike<number> & Iterable<number> {
  if (count > INSERTION_LIMIT) {
    return Uint32Array.from(values, (_: number | bigint, index: number) => index)
      .sort((a, b) => higher(values[b], values[a]) ? 1 : higher(values[a], values[b]) ? -1 : a - b).subarray(0, count);
  }
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && !(count > 0 && higher(values[i], values[best[count - 1]]))) continue;
    let at = best.length;
    while (at > 0 && higher(values[i], values[best[at - 1]])) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

function higher(a: number | bigint, b: number | bigint): boolean {
  return a > b || (a === a && b !== b);
}

/** Six decimals, as C's `%f`: ties go to the even digit. */
function fixed(value: number | bigint): string {
  const number = Math.abs(Number(value));
  if (Number.isNaN(number)) return "nan";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (number === Infinity) return `${sign}inf`;
  if (number >= 1e21) return `${sign}${BigInt(number)}.000000`;
  const digits = number.toFixed(30);
  const kept = digits.slice(0, -24);
  const tie = digits.endsWith("500000000000000000000000");
  return sign + (tie && "02468".includes(kept.at(-1)!) ? kept : number.toFixed(6));
}
