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

/** The sink of a streaming call: its responses in order, as they come. Reading ends with the request or throws its error. */
export class ResponseStream implements ResponseSink, AsyncIterable<InferenceResponse> {
  #queue: InferenceResponse[] = [];
  #finished = false;
  #error: Status | undefined;
  #wake: (() => void) | undefined;

  respond(response: InferenceResponse): void {
    this.#queue.push(response);
    this.#wake?.();
  }

  finish(error?: Status): void {
    this.#finished = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InferenceResponse> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else if (this.#finished) break;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#error) throw this.#error;
  }
}
