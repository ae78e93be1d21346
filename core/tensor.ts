import { type DataType, ELEMENT_SIZE } from "./data_type.ts";

/**
 * A tensor as it travels through the server: bytes with a datatype and a shape, little-endian, row-major.
 *
 * `data` may be a view into a larger buffer (a request body, a batch) and need not be aligned to the element size; who
 * needs a typed array makes it with {@link alignedBytes}. For `BYTES` it holds the serialised elements, each with its
 * 4-byte length.
 */
export interface Tensor {
  readonly name: string;
  readonly datatype: DataType;
  /** Full shape, batch dimension included; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i];
  return count;
}

/** Bytes that a tensor of this type and shape has; undefined for `BYTES`, where only the data tells. */
export function byteSize(datatype: DataType, shape: readonly number[]): number | undefined {
  const size = ELEMENT_SIZE[datatype];
  return size === 0 ? undefined : size * elementCount(shape);
}

/** The same bytes at an offset that is a multiple of `alignment`: a view where they already are, else a copy. */
export function alignedBytes(data: Uint8Array, alignment: number): Uint8Array {
  return data.byteOffset % alignment === 0 ? data : data.slice();
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Serialises `BYTES` elements: a 4-byte little-endian length before each. */
export function encodeBytes(elements: readonly (Uint8Array | string)[]): Uint8Array {
  const parts = elements.map((element) => typeof element === "string" ? encoder.encode(element) : element);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  return out;
}

/**
 * The elements of a serialised `BYTES` tensor, as views.
 *
 * @throws RangeError where a length points past the end; requests are checked before (`normalize`).
 */
export function decodeBytes(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < data.length;) {
    const length = view.getUint32(at, true);
    if (at + 4 + length > data.length) throw new RangeError(`element ${elements.length} ends past the tensor's bytes`);
    elements.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return elements;
}

/** {@link decodeBytes} as text; bytes that are not UTF-8 become U+FFFD. */
export function decodeStrings(data: Uint8Array): string[] {
  return decodeBytes(data).map((element) => decoder.decode(element));
}
