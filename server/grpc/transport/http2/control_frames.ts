import {
  frameOf,
  GOAWAY,
  INITIAL_WINDOW_SIZE,
  MAX_CONCURRENT_STREAMS,
  MAX_HEADER_LIST_SIZE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeUint32,
} from "./frames.ts";
import { MAX_HEADER_LIST_BYTES } from "./header_blocks.ts";
import { MAX_CALLS, STREAM_WINDOW } from "./limits.ts";

const encoder = new TextEncoder();

/** What the client is told first. */
export const OUR_SETTINGS: Uint8Array = settings([
  [MAX_CONCURRENT_STREAMS, MAX_CALLS],
  [INITIAL_WINDOW_SIZE, STREAM_WINDOW],
  [MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST_BYTES],
]);

export function rstStream(stream: number, code: number): Uint8Array {
  return frameOf(RST_STREAM, 0, stream, [0, 0, 0, code]);
}

export function windowUpdate(stream: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  writeUint32(payload, 0, bytes);
  return frameOf(WINDOW_UPDATE, 0, stream, payload);
}

/** @param lastStream streams above it have not been and will not be served. @param reason debug data. */
export function goAway(lastStream: number, code: number, reason: string): Uint8Array {
  const text = encoder.encode(reason);
  const payload = new Uint8Array(8 + text.length);
  writeUint32(payload, 0, lastStream);
  writeUint32(payload, 4, code);
  payload.set(text, 8);
  return frameOf(GOAWAY, 0, 0, payload);
}

function settings(values: readonly (readonly [id: number, value: number])[]): Uint8Array {
  const payload = new Uint8Array(values.length * 6);
  values.forEach(([id, value], i) => {
    payload[i * 6 + 1] = id;
    writeUint32(payload, i * 6 + 2, value);
  });
  return frameOf(SETTINGS, 0, 0, payload);
}
