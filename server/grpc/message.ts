import { joinBytes } from "../../core/bytes.ts";
import { badFrame, clientCancelled, messageTooLarge } from "../../core/errors/grpc.ts";
import { decompress } from "./compression.ts";
import { FRAME_HEADER, MAX_MESSAGE_BYTES } from "./frame.ts";
import { gather } from "./gather.ts";
import type { GrpcCall } from "./transport/transport.ts";

/**
 * The one message of a unary call, without its frame header. It is a view of what the transport delivered, which is
 * nobody else's. Returns when the message is complete; what may follow is not waited for.
 *
 * @throws Status INTERNAL for a broken frame, RESOURCE_EXHAUSTED above `limit` bytes, CANCELLED when the client gave up.
 */
export async function readUnaryMessage(call: GrpcCall, limit = MAX_MESSAGE_BYTES): Promise<Uint8Array> {
  let frame = await call.read();
  while (frame !== undefined && frame.length < FRAME_HEADER) {
    const more = await call.read();
    if (more === undefined) break;
    frame = joinBytes([frame, more]);
  }
  if (frame === undefined || frame.length < FRAME_HEADER) {
    if (call.signal.aborted) throw clientCancelled();
    throw badFrame(frame === undefined ? "it is empty" : `it has ${frame.length} bytes, expected at least 5`);
  }
  const length = (frame[1] << 24 | frame[2] << 16 | frame[3] << 8 | frame[4]) >>> 0;
  if (length > limit) throw messageTooLarge(length, limit);
  const total = FRAME_HEADER + length;
  if (frame.length < total) frame = await gather(call, frame, total);
  if (frame.length > total) throw badFrame("a unary call has one message, got more");
  if (frame[0] === 0) {
    drain(call);
    return frame.subarray(FRAME_HEADER);
  }
  if (frame[0] !== 1) throw badFrame(`its first byte is ${frame[0]}, expected 0 or 1`);
  drain(call);
  return decompress(frame.subarray(FRAME_HEADER), call.headers.get("grpc-encoding"), limit);
}

/** Lets the end of the body arrive without waiting for it. */
function drain(call: GrpcCall): void {
  call.read().catch(() => {}); // a cancelled call: its signal says so
}
