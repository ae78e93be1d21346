import { DATA_TYPES, type DataType } from "../../core/data_type.ts";
import type { ParameterValue } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { CachedResponse } from "./response_cache.ts";

/** Starts every encoded response; another number where the form changes, so that older ones are misses. */
const MAGIC = 0x01435254; // "TRC\x01"

/** The JSON before the tensors' bytes. */
interface Head {
  readonly outputs: readonly { name: string; datatype: DataType; shape: readonly number[]; bytes: number }[];
  /** Integers beyond 2^53 as `{bigint: "…"}`. */
  readonly parameters?: readonly (readonly [string, string | number | boolean | { bigint: string }])[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A response as bytes: magic, length of the head, both 32 bits little-endian, the head as JSON, the tensors' bytes. */
export function encodeResponse({ outputs, parameters }: CachedResponse): Uint8Array {
  const head: Head = {
    outputs: outputs.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, bytes: data.byteLength })),
    parameters: parameters && [...parameters].map(([name, value]) => [name, plain(value)]),
  };
  const text = encoder.encode(JSON.stringify(head));
  const bytes = new Uint8Array(8 + text.byteLength + outputs.reduce((sum, { data }) => sum + data.byteLength, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, text.byteLength, true);
  bytes.set(text, 8);
  let at = 8 + text.byteLength;
  for (const { data } of outputs) {
    bytes.set(data, at);
    at += data.byteLength;
  }
  return bytes;
}

/** The response in `bytes`, its tensors as views of them; undefined where they are none that this server has written. */
export function decodeResponse(bytes: Uint8Array): CachedResponse | undefined {
  try {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0, true) !== MAGIC) return undefined;
    let at = 8 + view.getUint32(4, true);
    const head: Head = JSON.parse(decoder.decode(bytes.subarray(8, at)));
    const outputs: Tensor[] = [];
    for (const { name, datatype, shape, bytes: length } of head.outputs) {
      if (!DATA_TYPES.includes(datatype) || at + length > bytes.byteLength) return undefined;
      outputs.push({ name, datatype, shape, data: bytes.subarray(at, at + length) });
      at += length;
    }
    if (at !== bytes.byteLength) return undefined;
    const parameters = head.parameters?.map(([name, value]) => [name, unplain(value)] as const);
    return { outputs, parameters: parameters && new Map(parameters) };
  } catch {
    return undefined;
  }
}

function plain(value: ParameterValue): string | number | boolean | { bigint: string } {
  return typeof value === "bigint" ? { bigint: String(value) } : value;
}

function unplain(value: string | number | boolean | { bigint: string }): ParameterValue {
  return typeof value === "object" ? BigInt(value.bigint) : value;
}
