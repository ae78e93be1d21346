import { isUtf8 } from "node:buffer";
import { stringNotUtf8, stringWithNul } from "../../../core/errors/onnxruntime_execution.ts";

/** A `BYTES` tensor: its name and its serialised elements. */
interface StringTensor {
  readonly name: string;
  readonly data: Uint8Array;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Sees to it that every element can become a string of ONNX Runtime, as {@link decodeStringInput} does without making any.
 *
 * @throws Status INVALID_ARGUMENT for an element that is not UTF-8, which ONNX strings are, and for one with a NUL: ONNX
 *   Runtime's bindings hand strings on as C strings, and would cut off what follows.
 */
export function checkStringInput({ name, data }: StringTensor, model: string): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let index = 0;
  for (let at = 0; at + 4 <= data.length; index++) {
    const length = view.getUint32(at, true);
    at += 4;
    if (!isShortAscii(data, at, length)) {
      const element = data.subarray(at, at + length);
      if (element.includes(0)) throw stringWithNul(name, index, model);
      if (!isUtf8(element)) throw stringNotUtf8(name, index, model);
    }
    at += length;
  }
}

/**
 * The elements of a `BYTES` input as strings.
 *
 * @throws Status as {@link checkStringInput}.
 */
export function decodeStringInput(tensor: StringTensor, model: string): string[] {
  // TextDecoder takes no shared memory
  const data = tensor.data.buffer instanceof SharedArrayBuffer ? tensor.data.slice() : tensor.data;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const strings: string[] = [];
  for (let at = 0; at + 4 <= data.length;) {
    const length = view.getUint32(at, true);
    at += 4;
    let text = shortAscii(data, at, length);
    if (text === undefined) {
      const element = data.subarray(at, at + length);
      if (element.includes(0)) throw stringWithNul(tensor.name, strings.length, model);
      try {
        text = decoder.decode(element);
      } catch {
        throw stringNotUtf8(tensor.name, strings.length, model);
      }
    }
    strings.push(text);
    at += length;
  }
  return strings;
}

/** Up to here a loop over the bytes is faster than what is built in. */
const SHORT = 16;

/** True for most strings, which are numbers and words: nothing more is to be looked at. A NUL is not among them. */
function isShortAscii(data: Uint8Array, start: number, length: number): boolean {
  if (length > SHORT || start + length > data.length) return false;
  for (let at = start; at < start + length; at++) if (data[at] > 0x7f || data[at] === 0) return false;
  return true;
}

/** The text of such a string; undefined for all others. */
function shortAscii(data: Uint8Array, start: number, length: number): string | undefined {
  if (!isShortAscii(data, start, length)) return undefined;
  let text = "";
  for (let at = start; at < start + length; at++) text += String.fromCharCode(data[at]);
  return text;
}
