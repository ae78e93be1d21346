import { joinBytes } from "../../../core/bytes.ts";
import { contentsTwice, unparsableMessage, wrongContentsType } from "../../../core/errors/grpc.ts";
import { isDataType } from "../../../core/data_type.ts";
import { FIXED32, FIXED64, LENGTH_DELIMITED, VARINT, WireReader } from "./wire_reader.ts";

/** Field numbers of `InferTensorContents`, of those that are treated on their own. */
const BOOL = 1, FP32 = 6, FP64 = 7, BYTES = 8;

const WIRE_TYPE: readonly number[] = [-1, VARINT, VARINT, VARINT, VARINT, VARINT, FIXED32, FIXED64, LENGTH_DELIMITED];

/** The datatypes that a field may carry; the first one names the field in messages. */
const FIELD_TYPES: readonly (readonly string[])[] = [
  [],
  ["BOOL"],
  ["INT32", "INT8", "INT16"],
  ["INT64"],
  ["UINT32", "UINT8", "UINT16"],
  ["UINT64"],
  ["FP32"],
  ["FP64"],
  ["BYTES"],
];

/** Bytes of an element in the tensor, by field, for datatypes other than the narrow ones. */
const WIDTH: readonly number[] = [0, 1, 4, 8, 4, 8, 4, 8, 0];
const NARROW: Readonly<Record<string, number>> = { INT8: 1, UINT8: 1, INT16: 2, UINT16: 2 };

/**
 * The bytes of a tensor given as typed `contents`. Floats that came packed, as they do, stay a view of the message;
 * INT8, INT16, UINT8 and UINT16 take the low bytes of their 32-bit elements. Empty contents are an empty tensor. The
 * number of elements is not compared with the shape here.
 *
 * @param contents the encoded `InferTensorContents`.
 * @throws Status INVALID_ARGUMENT where a field does not fit `datatype` or a second one is set.
 */
export function readContents(contents: Uint8Array, datatype: string, input: string, model: string): Uint8Array {
  const fields = fieldsOf(contents);
  let chosen = 0;
  for (let field = BOOL; field <= BYTES; field++) { // Triton's order: it decides which mistake is named
    if (!(fields & 1 << field)) continue;
    if (chosen) throw contentsTwice(input, model);
    const types = FIELD_TYPES[field];
    if (!types.includes(datatype)) {
      throw wrongContentsType(input, model, types[0], isDataType(datatype) ? datatype : "<invalid>");
    }
    chosen = field;
  }
  if (chosen === 0) return new Uint8Array(0);
  if (chosen === BYTES) return bytesElements(contents);
  const width = NARROW[datatype] ?? WIDTH[chosen];
  return chosen === FP32 || chosen === FP64 ? fixedElements(contents, chosen, width) : varints(contents, chosen, width);
}

/** The fields that have at least one element, as bits. */
function fieldsOf(contents: Uint8Array): number {
  const reader = new WireReader(contents);
  let fields = 0;
  while (reader.more) {
    const tag = reader.tag(), field = tag >>> 3, type = tag & 7;
    if (type === LENGTH_DELIMITED && field >= BOOL && field <= BYTES) {
      const length = reader.view().length; // of no elements where packed; an element of bytes_contents may be empty
      if (length > 0 || field === BYTES) fields |= 1 << field;
    } else {
      reader.skip(tag);
      if (type === WIRE_TYPE[field]) fields |= 1 << field;
    }
  }
  return fields;
}

function varints(contents: Uint8Array, field: number, width: number): Uint8Array {
  const out = new Uint8Array(countVarints(contents, field) * width);
  const reader = new WireReader(contents);
  let at = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === (field << 3 | LENGTH_DELIMITED)) {
      const outer = reader.enter();
      at = readElements(reader, out, at, field, width);
      reader.leave(outer);
    } else if (tag === (field << 3 | VARINT)) {
      const next = reader.enterVarint();
      at = readElements(reader, out, at, field, width);
      reader.leave(next);
    } else reader.skip(tag);
  }
  return out;
}

/** Reads elements up to the end of the current field; returns the number of elements in `out` afterwards. */
function readElements(reader: WireReader, out: Uint8Array, at: number, field: number, width: number): number {
  const { buffer } = out;
  if (field === BOOL) {
    for (; reader.more; at++) out[at] = reader.bool() ? 1 : 0;
  } else if (width === 8) {
    const words = new Uint32Array(buffer);
    for (; reader.more; at++) {
      reader.varint();
      words[2 * at] = reader.lo;
      words[2 * at + 1] = reader.hi;
    }
  } else {
    const elements = width === 4 ? new Uint32Array(buffer) : width === 2 ? new Uint16Array(buffer) : out;
    for (; reader.more; at++) {
      reader.varint();
      elements[at] = reader.lo;
    }
  }
  return at;
}

/** Elements of a varint field: each ends with a byte below 0x80. */
function countVarints(contents: Uint8Array, field: number): number {
  const reader = new WireReader(contents);
  let count = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag === (field << 3 | LENGTH_DELIMITED)) {
      const packed = reader.view();
      for (let i = 0; i < packed.length; i++) if (packed[i] < 0x80) count++;
    } else {
      reader.skip(tag);
      if (tag === (field << 3 | VARINT)) count++;
    }
  }
  return count;
}

/** Packed or single little-endian values; one packed run, the usual form, is returned as it is. */
function fixedElements(contents: Uint8Array, field: number, width: number): Uint8Array {
  const reader = new WireReader(contents);
  const parts: Uint8Array[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === (field << 3 | LENGTH_DELIMITED)) {
      const packed = reader.view();
      if (packed.length % width !== 0) throw unparsableMessage(`${packed.length} bytes of ${width}-byte elements`);
      parts.push(packed);
    } else {
      const start = reader.pos;
      reader.skip(tag);
      if (tag === (field << 3 | WIRE_TYPE[field])) parts.push(contents.subarray(start, start + width));
    }
  }
  return parts.length === 1 ? parts[0] : joinBytes(parts);
}

/** `bytes_contents` as a BYTES tensor: each element with its length before it. */
function bytesElements(contents: Uint8Array): Uint8Array {
  const elements: Uint8Array[] = [];
  const reader = new WireReader(contents);
  let size = 0;
  while (reader.more) {
    const tag = reader.tag();
    if (tag !== (BYTES << 3 | LENGTH_DELIMITED)) reader.skip(tag);
    else {
      const element = reader.view();
      elements.push(element);
      size += 4 + element.length;
    }
  }
  const out = new Uint8Array(size), view = new DataView(out.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.length, true);
    out.set(element, at + 4);
    at += 4 + element.length;
  }
  return out;
}
