import { badFrame, clientCancelled } from "../../core/errors/grpc.ts";
import type { GrpcCall } from "./transport/transport.ts";

/** A buffer of this size is allocated on the word of a length prefix; beyond, it grows with what arrives. */
const TRUSTED_BYTES = 4 << 20;
/** Buffers of all calls together that are allocated so; after that, nobody's word counts for more than what arrived. */
const MAX_PROMISED_BYTES = 64 << 20;
const LEAST_BYTES = 4096;

/** Bytes of buffers that were allocated on trust, of messages that are not complete. */
let promised = 0;

/**
 * Reads on until `total` bytes are there, into one buffer.
 *
 * @param first what is there; fewer bytes than `total`.
 * @returns `total` bytes, or more where a piece had more.
 * @throws Status INTERNAL when the body ends before, CANCELLED when the client gave up.
 */
export async function gather(call: GrpcCall, first: Uint8Array, total: number): Promise<Uint8Array> {
  const trusted = promised < MAX_PROMISED_BYTES ? TRUSTED_BYTES : LEAST_BYTES;
  const buffer = new Uint8Array(Math.min(total, Math.max(trusted, first.length * 2)));
  buffer.set(first);
  promised += buffer.length;
  try {
    return await fill(call, buffer, first.length, total);
  } finally {
    promised -= buffer.length;
  }
}

async function fill(
  call: GrpcCall,
  buffer: Uint8Array<ArrayBuffer>,
  have: number,
  total: number,
): Promise<Uint8Array> {
  while (have < total) {
    if (have === buffer.length) buffer = grown(buffer, have, Math.min(total, have * 4));
    const chunk = await call.read(buffer.subarray(have));
    if (chunk === undefined) {
      if (call.signal.aborted) throw clientCancelled();
      throw badFrame(`it was cut off after ${have} of ${total} bytes`);
    }
    if (chunk.buffer !== buffer.buffer) {
      const needed = have + chunk.length;
      if (needed > buffer.length) buffer = grown(buffer, have, Math.max(needed, Math.min(total, have * 4)));
      buffer.set(chunk, have);
    }
    have += chunk.length;
  }
  return have === buffer.length ? buffer : buffer.subarray(0, have);
}

function grown(buffer: Uint8Array, have: number, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(buffer.subarray(0, have));
  return larger;
}
