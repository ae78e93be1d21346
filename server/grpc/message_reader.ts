import { joinBytes } from "../../core/bytes.ts";
import { badFrame, clientCancelled, messageTooLarge } from "../../core/errors/grpc.ts";
import { decompress } from "./compression.ts";
import { FRAME_HEADER, MAX_MESSAGE_BYTES } from "./frame.ts";
import { gather } from "./gather.ts";
import type { GrpcCall } from "./transport/transport.ts";

const NOTHING = new Uint8Array(0);

/** The messages of a streaming call, as they come. */
export class MessageReader {
  /** What has arrived and was not read. */
  #rest: Uint8Array = NOTHING;

  constructor(private readonly call: GrpcCall, private readonly limit = MAX_MESSAGE_BYTES) {}

  /**
   * The next message without its frame header, a view of what the transport delivered; undefined after the last.
   *
   * @throws Status INTERNAL for a broken frame, RESOURCE_EXHAUSTED above `limit` bytes, CANCELLED when the client gave up.
   */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#rest.length < FRAME_HEADER && !await this.#header()) return undefined;
    const rest = this.#rest;
    const length = (rest[1] << 24 | rest[2] << 16 | rest[3] << 8 | rest[4]) >>> 0;
    if (rest[0] > 1) throw badFrame(`its first byte is ${rest[0]}, expected 0 or 1`);
    if (length > this.limit) throw messageTooLarge(length, this.limit);
    const total = FRAME_HEADER + length;
    if (rest.length < total) this.#rest = await gather(this.call, rest, total);
    const message = this.#rest.subarray(FRAME_HEADER, total);
    this.#rest = this.#rest.length === total ? NOTHING : this.#rest.subarray(total);
    return rest[0] === 0 ? message : decompress(message, this.call.headers.get("grpc-encoding"), this.limit);
  }

  /** Waits for the header of a message; false where the body ends between two. */
  async #header(): Promise<boolean> {
    while (this.#rest.length < FRAME_HEADER) {
      const chunk = await this.call.read();
      if (chunk !== undefined) {
        this.#rest = this.#rest.length === 0 ? chunk : joinBytes([this.#rest, chunk]);
        continue;
      }
      if (this.call.signal.aborted) throw clientCancelled();
      if (this.#rest.length === 0) return false;
      throw badFrame(`it was cut off after ${this.#rest.length} of ${FRAME_HEADER} bytes`);
    }
    return true;
  }
}
