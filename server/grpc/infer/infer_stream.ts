import { clientCancelled } from "../../../core/errors/grpc.ts";
import { Status } from "../../../core/status.ts";
import type { Model } from "../../../model_repository/model.ts";
import { Fifo } from "../../../scheduler/fifo.ts";
import type { InferenceServer } from "../../inference_server.ts";
import { errorTrailers, OK_TRAILERS } from "../status.ts";
import type { Field, Metadata } from "../transport/transport.ts";
import { FrameQueue } from "./frame_queue.ts";
import { forwardHeaders } from "./parameters.ts";
import { toInferenceRequest } from "./request.ts";
import { readInferRequest, type WireInferRequest } from "./request_reader.ts";
import { DecoupledReply, OrderedReply, type ReplyStream, type StreamReply } from "./stream_reply.ts";

/** Requests of one stream that may be in flight: read and not answered. */
const MAX_IN_FLIGHT = 10_000;
/** The same in bytes of their messages. */
const MAX_IN_FLIGHT_BYTES = 256 << 20;

/** How a stream is to behave. */
export interface InferStreamOptions {
  /** Metadata of the call. */
  readonly headers: Metadata;
  /** Metadata that becomes request parameters, by key. */
  readonly headerForwardPattern?: RegExp;
}

/**
 * The requests of one `ModelStreamInfer` call and their responses. Any number of requests may be in flight, to different
 * models. Responses of models that give one are sent in the order of the requests; those of decoupled models as they
 * come. An error is a message, and the stream goes on; with the metadata `triton_grpc_error: true` the first error that
 * a model answers ends it.
 *
 * Reading stops while the client leaves 256 messages or 4 MiB of responses unread, or has 10,000 requests or 256 MiB of
 * them unanswered, so a stream cannot fill the memory from either side.
 */
export class InferStream implements ReplyStream {
  /** The framed answer; the transport's. */
  readonly frames: FrameQueue;
  readonly #strict: boolean;
  readonly #inFlight = new Set<StreamReply>();
  #inFlightBytes = 0;
  /** Requests whose turn to be answered has not come. */
  #order = new Fifo<OrderedReply>();
  /** No more requests are taken. */
  #inputEnded = false;
  #over = false;
  /** With what the stream ends. */
  #error: Status | undefined;
  #resume: (() => void) | undefined;

  /** @param onOver called when nothing more happens. */
  constructor(
    private readonly server: InferenceServer,
    private readonly options: InferStreamOptions,
    private readonly onOver: () => void,
  ) {
    this.#strict = options.headers.get("triton_grpc_error") === "true";
    this.frames = new FrameQueue(() => this.#checkRoom(), () => this.fail(clientCancelled()));
  }

  /** The status of the stream; known when {@link frames} have ended. */
  get error(): Status | undefined {
    return this.#error;
  }

  /** The trailers to end the answer with. */
  trailers(): readonly Field[] {
    return this.#error ? errorTrailers(this.#error) : OK_TRAILERS;
  }

  /** Takes requests until there are no more, or the stream is over. @param next as `MessageReader.next`. */
  async run(next: () => Promise<Uint8Array | undefined>): Promise<void> {
    try {
      for (let message; (message = await next());) {
        if (this.#inputEnded) return;
        this.#take(message);
        if (this.#congested) await new Promise<void>((resolve) => this.#resume = resolve);
        if (this.#inputEnded) return;
      }
      this.#endInput();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Takes no more requests; when those in flight are answered, the stream ends with `error`. */
  close(error: Status): void {
    if (this.#inputEnded) return;
    this.#error = error;
    this.#endInput();
  }

  /** Ends the stream after what has been sent so far; cancels what is in flight. */
  fail(thrown: unknown): void {
    if (this.#over) return;
    this.#error = Status.from(thrown);
    this.#end();
    for (const reply of this.#inFlight) reply.controller.abort();
    this.#inFlight.clear();
    this.#order = new Fifo();
  }

  send(frame: Uint8Array): void {
    this.frames.push(frame);
  }

  settled(): void {
    if (this.#over) return;
    for (let reply; (reply = this.#order.peek())?.frame;) {
      this.#order.shift();
      if (reply.error && this.failStrictly(reply.error)) return;
      this.frames.push(reply.frame);
      this.#drop(reply);
    }
    this.#progress();
  }

  over(reply: StreamReply): void {
    if (this.#over) return;
    this.#drop(reply);
    this.#progress();
  }

  failStrictly(error: Status): boolean {
    if (this.#strict) this.fail(error);
    return this.#strict;
  }

  backpressure(): Promise<void> | undefined {
    return this.frames.room();
  }

  get #congested(): boolean {
    return !this.#over &&
      (this.frames.full || this.#inFlight.size >= MAX_IN_FLIGHT || this.#inFlightBytes >= MAX_IN_FLIGHT_BYTES);
  }

  #take(message: Uint8Array): void {
    const wire = readInferRequest(message);
    let model: Model | undefined;
    let error: unknown;
    try {
      model = this.server.repository.find(wire.modelName, wire.modelVersion);
    } catch (thrown) {
      error = thrown;
    }
    const reply = this.#replyTo(wire, model, message.length);
    this.#inFlight.add(reply);
    this.#inFlightBytes += reply.bytes;
    if (model) error = this.#infer(model, wire, reply);
    if (error) reply.refuse(Status.from(error));
  }

  #replyTo(wire: WireInferRequest, model: Model | undefined, bytes: number): OrderedReply | DecoupledReply {
    if (model?.decoupled) {
      const emptyFinal = wire.parameters?.get("triton_enable_empty_final_response")?.value === true;
      return new DecoupledReply(this, wire, bytes, emptyFinal);
    }
    const reply = new OrderedReply(this, wire, bytes);
    this.#order.push(reply);
    return reply;
  }

  /** Hands a request to its model; returns what is wrong with it. */
  #infer(model: Model, wire: WireInferRequest, reply: StreamReply): unknown {
    try {
      const { request, classes } = toInferenceRequest(wire);
      const { headerForwardPattern, headers } = this.options;
      if (headerForwardPattern) forwardHeaders(request, headers, headerForwardPattern);
      request.signal = reply.controller.signal;
      reply.form = { model, classes };
      this.server.infer(model, request, reply);
    } catch (error) {
      return error;
    }
  }

  #drop(reply: StreamReply): void {
    if (this.#inFlight.delete(reply)) this.#inFlightBytes -= reply.bytes;
  }

  #progress(): void {
    if (this.#inputEnded && this.#inFlight.size === 0) this.#end();
    else this.#checkRoom();
  }

  #checkRoom(): void {
    if (this.#resume && !this.#congested) this.#wake();
  }

  #wake(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  #endInput(): void {
    this.#inputEnded = true;
    this.#wake();
    if (this.#inFlight.size === 0) this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#inputEnded = true;
    this.#wake();
    this.frames.end();
    this.onOver();
  }
}
