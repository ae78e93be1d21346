import { alignedBytes, decodeBytes, type Tensor } from "../../core/tensor.ts";
import { ELEMENT_SIZE } from "../../core/data_type.ts";
import { decodeText, quoteText } from "./text.ts";

/**
 * The elements of a tensor as a flat JSON array. Integers are exact, floating-point numbers the shortest decimal of
 * their value as a double, `NaN`, `Infinity` and `-Infinity` bare words, as the reference server has them. Bytes of a
 * string that are not UTF-8 are there as `decodeText` gives them: write the document with `encodeText`.
 */
export function writeData({ datatype, data }: Tensor): string {
  const bytes = ELEMENT_SIZE[datatype] > 1 ? alignedBytes(data, ELEMENT_SIZE[datatype]) : data;
  const { buffer, byteOffset, byteLength } = bytes;
  switch (datatype) {
    case "BOOL":
      return writeBooleans(bytes);
    case "BYTES":
      return writeStrings(bytes);
    case "UINT8":
      return `[${bytes.join(",")}]`;
    case "INT8":
      return `[${new Int8Array(buffer, byteOffset, byteLength).join(",")}]`;
    case "UINT16":
      return `[${new Uint16Array(buffer, byteOffset, byteLength / 2).join(",")}]`;
    case "INT16":
      return `[${new Int16Array(buffer, byteOffset, byteLength / 2).join(",")}]`;
    case "UINT32":
      return `[${new Uint32Array(buffer, byteOffset, byteLength / 4).join(",")}]`;
    case "INT32":
      return `[${new Int32Array(buffer, byteOffset, byteLength / 4).join(",")}]`;
    case "UINT64":
      return `[${new BigUint64Array(buffer, byteOffset, byteLength / 8).join(",")}]`;
    case "INT64":
      return `[${new BigInt64Array(buffer, byteOffset, byteLength / 8).join(",")}]`;
    case "FP16":
      return writeFloats(new Float16Array(buffer, byteOffset, byteLength / 2));
    case "FP32":
      return writeFloats(new Float32Array(buffer, byteOffset, byteLength / 4));
    case "FP64":
      return writeFloats(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "BF16":
      return writeFloats(widenBfloat16(new Uint16Array(buffer, byteOffset, byteLength / 2)));
  }
}

function writeFloats(values: Float16Array | Float32Array | Float64Array): string {
  const text = `[${values.join(",")}]`;
  // A negative zero loses its sign in decimal: rare, so looked for only where a zero shows up.
  return /[[,]0[,\]]/.test(text) && values.some((value) => Object.is(value, -0))
    ? `[${Array.from(values, (value) => Object.is(value, -0) ? "-0.0" : String(value)).join(",")}]`
    : text;
}

function writeBooleans(bytes: Uint8Array): string {
  let text = "[";
  for (let i = 0; i < bytes.length; i++) text += i === 0 ? bytes[i] !== 0 : `,${bytes[i] !== 0}`;
  return `${text}]`;
}

function writeStrings(bytes: Uint8Array): string {
  const elements = decodeBytes(bytes);
  let text = "[";
  for (let i = 0; i < elements.length; i++) text += (i === 0 ? "" : ",") + quoteText(decodeText(elements[i]));
  return `${text}]`;
}

function widenBfloat16(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = values[i] << 16;
  return new Float32Array(bits.buffer);
}
