import { wrongResponseCount } from "./errors/request.ts";
import type { InferenceResponse, ResponseSink } from "./inference.ts";
import type { Status } from "./status.ts";

/** The sink of a unary call: a promise of exactly one response. */
export class UnaryResponse implements ResponseSink {
  #response: InferenceResponse | undefined;
  #count = 0;
  #resolve!: (response: InferenceResponse) => void;
  #reject!: (error: Status) => void;

  /** Rejects with a {@link Status}. */
  readonly promise: Promise<InferenceResponse> = new Promise((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  respond(response: InferenceResponse): void {
    this.#response ??= response;
    this.#count++;
  }

  finish(error?: Status): void {
    if (error) this.#reject(error);
    else if (this.#count === 1) this.#resolve(this.#response!);
    else this.#reject(wrongResponseCount(this.#count));
  }
}

/** Responses that may wait to be read before the one who makes them has to wait. */
const MAX_WAITING = 64;
/** The same in bytes of their outputs. */
const MAX_WAITING_BYTES = 4 << 20;

/** Bytes of the outputs of a response. */
export function outputBytes(response: InferenceResponse): number {
  let bytes = 0;
  for (const { data } of response.outputs) bytes += data.byteLength;
  return bytes;
}

/**
 * The sink of a streaming call: its responses in order, as they come. Reading ends with the request or throws its error;
 * who stops reading before the end drops what is left. About 64 responses or 4 MiB wait for a slow reader, and more only
 * from a model that does not heed {@link backpressure}.
 */
export class ResponseStream implements ResponseSink, AsyncIterable<InferenceResponse> {
  #waiting: InferenceResponse[] = [];
  #waitingBytes = 0;
  /** Nothing more comes, or nobody reads. */
  #closed = false;
  #error: Status | undefined;
  #wake: (() => void) | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  respond(response: InferenceResponse): void {
    if (this.#closed) return;
    this.#waiting.push(response);
    this.#waitingBytes += outputBytes(response);
    this.#wake?.();
  }

  finish(error?: Status): void {
    this.#closed = true;
    this.#error = error;
    this.#wake?.();
  }

  backpressure(): Promise<void> | undefined {
    if (this.#closed || this.#waiting.length < MAX_WAITING && this.#waitingBytes < MAX_WAITING_BYTES) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InferenceResponse> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next) {
          this.#waitingBytes -= outputBytes(next);
          if (this.#room && this.#waiting.length <= MAX_WAITING / 2) this.#makeRoom();
          yield next;
        } else if (this.#closed) break;
        else await new Promise<void>((resolve) => this.#wake = resolve);
      }
      if (this.#error) throw this.#error;
    } finally {
      this.#closed = true;
      this.#waiting = [];
      this.#makeRoom();
    }
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** Tells a sink that its request is not taken. */
export function refuse(sink: ResponseSink, error: Status): void {
  if (sink.refuse) sink.refuse(error);
  else sink.finish(error);
}
