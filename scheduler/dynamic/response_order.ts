import type { InferenceResponse, ResponseSink } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { Fifo } from "../fifo.ts";

/** Hands responses on in the order in which their requests came: `preserve_ordering`. */
export class ResponseOrder {
  readonly #turns = new Fifo<OrderedSink>();
  #passing = false;

  /** A sink whose responses reach `sink` once all requests wrapped before have finished. */
  wrap(sink: ResponseSink): ResponseSink {
    const ordered = new OrderedSink(sink, () => this.#pass());
    this.#turns.push(ordered);
    if (this.#turns.peek() === ordered) ordered.open();
    return ordered;
  }

  /** Lets through whoever's turn it is; a sink that enqueues again from `finish` may come back here. */
  #pass(): void {
    if (this.#passing) return;
    this.#passing = true;
    for (let first = this.#turns.peek(); first; first = this.#turns.peek()) {
      first.open();
      if (!first.finished) break;
      this.#turns.shift();
      first.end();
    }
    this.#passing = false;
  }
}

/** Holds responses back until it is opened. */
class OrderedSink implements ResponseSink {
  finished = false;
  #error: Status | undefined;
  #isOpen = false;
  #held: InferenceResponse[] = [];
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(private readonly sink: ResponseSink, private readonly onFinished: () => void) {}

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    for (const response of this.#held) this.sink.respond(response);
    this.#held = [];
    this.#opened?.resolve();
  }

  end(): void {
    this.sink.finish(this.#error);
  }

  respond(response: InferenceResponse): void {
    if (this.#isOpen) this.sink.respond(response);
    else this.#held.push(response);
  }

  backpressure(): Promise<void> | undefined {
    return this.#isOpen ? this.sink.backpressure?.() : (this.#opened ??= Promise.withResolvers<void>()).promise;
  }

  finish(error?: Status): void {
    this.finished = true;
    this.#error = error;
    this.onFinished();
  }
}
