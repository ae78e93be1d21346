import { responseTooLarge } from "../../../core/errors/grpc.ts";
import type { InferenceResponse, ParameterValue } from "../../../core/inference.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { FRAME_HEADER, MAX_MESSAGE_BYTES, writeFrameHeader } from "../frame.ts";

const utf8 = new TextEncoder();
const INT64_MAX = 2n ** 63n - 1n;
const MASK_32 = 0xffff_ffffn;

/**
 * A response as one gRPC message, frame header included: sizes first, then one buffer, written front to back. Tensors
 * always go into `raw_output_contents`, one entry for each output.
 *
 * @throws Status RESOURCE_EXHAUSTED above 2^31 - 1 bytes.
 */
export function writeInferResponse(response: InferenceResponse): Uint8Array {
  const bodies: number[] = [];
  const size = sizeOfResponse(response, bodies);
  if (size > MAX_MESSAGE_BYTES) throw responseTooLarge(size, MAX_MESSAGE_BYTES);
  const writer = new Writer(FRAME_HEADER + size);
  writer.response(response, bodies);
  writeFrameHeader(writer.bytes, false);
  return writer.bytes;
}

/**
 * The same as a `ModelStreamInferResponse`.
 *
 * @param error `error_message`, "" for none.
 */
export function writeStreamResponse(response: InferenceResponse, error = ""): Uint8Array {
  const bodies: number[] = [];
  const size = sizeOfResponse(response, bodies);
  const total = sizeOfString(error) + sizeOfField(size);
  if (total > MAX_MESSAGE_BYTES) throw responseTooLarge(total, MAX_MESSAGE_BYTES);
  const writer = new Writer(FRAME_HEADER + total);
  writer.string(1, error);
  writer.length(2, size);
  writer.response(response, bodies);
  writeFrameHeader(writer.bytes, false);
  return writer.bytes;
}

/** Bytes of a `ModelInferResponse`. @param bodies is filled with those of each output. */
function sizeOfResponse(
  { modelName, modelVersion, id, parameters, outputs }: InferenceResponse,
  bodies: number[],
): number {
  let size = sizeOfString(modelName) + sizeOfString(modelVersion) + sizeOfString(id);
  if (parameters) { for (const [key, value] of parameters) size += sizeOfField(sizeOfParameter(key, value)); }
  for (const output of outputs) {
    const body = sizeOfOutput(output);
    bodies.push(body);
    size += sizeOfField(body) + sizeOfField(output.data.length);
  }
  return size;
}

/** Bytes of a length-delimited field below number 16 whose value has `length` bytes. */
function sizeOfField(length: number): number {
  return 1 + sizeOfVarint(length) + length;
}

function sizeOfString(text: string): number {
  return text === "" ? 0 : sizeOfField(utf8Length(text));
}

/** Bytes of a varint; negative ones take ten. */
function sizeOfVarint(value: number): number {
  if (value < 0) return 10;
  let size = 1;
  for (; value >= 0x80; size++) value = Math.floor(value / 0x80);
  return size;
}

function sizeOfShape(shape: readonly number[]): number {
  let size = 0;
  for (const dim of shape) size += sizeOfVarint(dim);
  return size;
}

function sizeOfOutput(output: Tensor): number {
  const shape = sizeOfShape(output.shape);
  return sizeOfString(output.name) + sizeOfString(output.datatype) + (shape === 0 ? 0 : sizeOfField(shape));
}

/** Bytes of an `InferParameter`. */
function sizeOfValue(value: ParameterValue): number {
  if (typeof value === "boolean") return 2;
  if (typeof value === "string") return sizeOfField(utf8Length(value));
  if (typeof value === "bigint") return 1 + sizeOfBigint(BigInt.asUintN(64, value));
  return Number.isSafeInteger(value) ? 1 + sizeOfVarint(value) : 9;
}

function sizeOfBigint(value: bigint): number {
  let size = 1;
  for (; value >= 0x80n; size++) value >>= 7n;
  return size;
}

/** Bytes of an entry of `parameters`, without tag and length. */
function sizeOfParameter(key: string, value: ParameterValue): number {
  return sizeOfField(utf8Length(key)) + sizeOfField(sizeOfValue(value));
}

function utf8Length(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return utf8.encode(text).length;
  return text.length;
}

/** Writes fields of numbers below 16 into a buffer that was measured before. */
class Writer {
  readonly bytes: Uint8Array;
  #at = FRAME_HEADER;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** @param bodies the bytes of each output, as measured. */
  response({ modelName, modelVersion, id, parameters, outputs }: InferenceResponse, bodies: readonly number[]): void {
    this.string(1, modelName);
    this.string(2, modelVersion);
    this.string(3, id);
    if (parameters) {
      for (const [key, value] of parameters) {
        this.length(4, sizeOfParameter(key, value));
        this.parameter(key, value);
      }
    }
    for (let i = 0; i < outputs.length; i++) {
      this.length(5, bodies[i]);
      this.output(outputs[i]);
    }
    for (const output of outputs) {
      this.length(6, output.data.length);
      this.raw(output.data);
    }
  }

  /** Tag and length of a length-delimited field. */
  length(field: number, length: number): void {
    this.bytes[this.#at++] = field << 3 | 2;
    this.#varint(length);
  }

  raw(data: Uint8Array): void {
    this.bytes.set(data, this.#at);
    this.#at += data.length;
  }

  /** A string field, left out where empty. */
  string(field: number, text: string): void {
    if (text !== "") this.#text(field, text);
  }

  output({ name, datatype, shape }: Tensor): void {
    this.string(1, name);
    this.string(2, datatype);
    if (shape.length === 0) return;
    this.length(3, sizeOfShape(shape));
    for (const dim of shape) this.#varint(dim);
  }

  parameter(key: string, value: ParameterValue): void {
    this.#text(1, key);
    this.length(2, sizeOfValue(value));
    if (typeof value === "boolean") {
      this.bytes[this.#at++] = 1 << 3;
      this.bytes[this.#at++] = value ? 1 : 0;
    } else if (typeof value === "string") this.#text(3, value);
    else if (typeof value === "bigint") {
      this.bytes[this.#at++] = (value > INT64_MAX ? 5 : 2) << 3;
      this.#varint64(Number(value & MASK_32), Number(BigInt.asUintN(64, value) >> 32n));
    } else if (Number.isSafeInteger(value)) {
      this.bytes[this.#at++] = 2 << 3;
      this.#varint(value);
    } else {
      this.bytes[this.#at++] = 4 << 3 | 1;
      new DataView(this.bytes.buffer).setFloat64(this.#at, value, true);
      this.#at += 8;
    }
  }

  #text(field: number, text: string): void {
    const length = utf8Length(text);
    this.length(field, length);
    if (length === text.length) {
      for (let i = 0; i < length; i++) this.bytes[this.#at + i] = text.charCodeAt(i);
    } else utf8.encodeInto(text, this.bytes.subarray(this.#at));
    this.#at += length;
  }

  /** An int64 varint of a safe integer. */
  #varint(value: number): void {
    if (value < 0) return this.#varint64(value >>> 0, Math.floor(value / 0x1_0000_0000) >>> 0);
    for (; value >= 0x80; value = Math.floor(value / 0x80)) this.bytes[this.#at++] = value % 0x80 | 0x80;
    this.bytes[this.#at++] = value;
  }

  #varint64(lo: number, hi: number): void {
    while (hi !== 0 || lo >= 0x80) {
      this.bytes[this.#at++] = lo & 0x7f | 0x80;
      lo = (lo >>> 7 | hi << 25) >>> 0;
      hi >>>= 7;
    }
    this.bytes[this.#at++] = lo;
  }
}
