import { deadlineExceeded, decoupledUnary } from "../../../core/errors/grpc.ts";
import { freeMemory, LARGE_BYTES } from "../../../core/memory.ts";
import type { InferenceServer } from "../../inference_server.ts";
import { compress, type CompressionLevel, negotiate } from "../compression.ts";
import { FRAME_HEADER, frameMessage } from "../frame.ts";
import { readUnaryMessage } from "../message.ts";
import { errorTrailers, OK_TRAILERS } from "../status.ts";
import { MAX_TIMER_MS, parseTimeout } from "../timeout.ts";
import type { Field, GrpcCall, GrpcReply, Metadata } from "../transport/transport.ts";
import { withClasses } from "./classes.ts";
import { forwardHeaders } from "./parameters.ts";
import { toInferenceRequest } from "./request.ts";
import { readInferRequest } from "./request_reader.ts";
import { writeInferResponse } from "./response_writer.ts";

/** The headers of every answer to a native call. */
export const HEADERS: readonly Field[] = [["content-type", "application/grpc"]];

export interface ModelInferOptions {
  readonly responseCompression: CompressionLevel;
  /** Metadata that becomes request parameters, by key. */
  readonly headerForwardPattern?: RegExp;
}

/** The answer to a call that failed. */
export function errorReply(error: unknown): GrpcReply {
  return { status: 200, headers: HEADERS, body: undefined, trailers: errorTrailers(error) };
}

/**
 * `ModelInfer`, straight from the bytes of the call to those of its answer: what Connect would cost is several times the
 * work itself.
 */
export class ModelInfer {
  constructor(private readonly server: InferenceServer, private readonly options: ModelInferOptions) {}

  /** Answers a native gRPC call; never rejects. */
  async answer(call: GrpcCall): Promise<GrpcReply> {
    const { signal } = call;
    try {
      const timeout = call.headers.get("grpc-timeout");
      const frame = timeout === null
        ? await this.#answerFrame(call, signal)
        : await this.#beforeDeadline(call, parseTimeout(timeout));
      if (this.options.responseCompression !== "none") return await this.#compressed(call, frame);
      return { status: 200, headers: HEADERS, body: frame, trailers: OK_TRAILERS };
    } catch (error) {
      return errorReply(error);
    }
  }

  /**
   * The framed `ModelInferResponse` to an encoded `ModelInferRequest`.
   *
   * @param signal aborted when nobody waits for the answer any more.
   * @throws Status
   */
  async infer(message: Uint8Array, headers: Metadata, signal: AbortSignal): Promise<Uint8Array> {
    const wire = readInferRequest(message);
    const model = this.server.repository.find(wire.modelName, wire.modelVersion);
    if (model.decoupled) throw decoupledUnary();
    const { request, classes } = toInferenceRequest(wire);
    const { headerForwardPattern } = this.options;
    if (headerForwardPattern) forwardHeaders(request, headers, headerForwardPattern);
    request.signal = signal;
    if (message.byteLength >= LARGE_BYTES && message.buffer instanceof ArrayBuffer) request.memory = message.buffer;
    const response = await this.server.inferUnary(model, request);
    const frame = writeInferResponse(classes ? withClasses(response, classes, model) : response);
    if (response.memory) freeMemory(response.memory);
    return frame;
  }

  async #answerFrame(call: GrpcCall, signal: AbortSignal): Promise<Uint8Array> {
    return this.infer(await readUnaryMessage(call), call.headers, signal);
  }

  /** Gives up after `ms`: the request is cancelled and the answer is DEADLINE_EXCEEDED at once. */
  async #beforeDeadline(call: GrpcCall, ms: number): Promise<Uint8Array> {
    if (ms > MAX_TIMER_MS) return this.#answerFrame(call, call.signal);
    const gone = new AbortController();
    call.signal.addEventListener("abort", () => gone.abort(), { once: true });
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = setTimeout(() => {
      reject(deadlineExceeded());
      gone.abort();
    }, ms);
    this.#answerFrame(call, gone.signal).then(resolve, reject);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async #compressed(call: GrpcCall, frame: Uint8Array): Promise<GrpcReply> {
    const level = this.options.responseCompression;
    const encoding = negotiate(call.headers.get("grpc-accept-encoding"));
    if (level === "none" || !encoding) return { status: 200, headers: HEADERS, body: frame, trailers: OK_TRAILERS };
    const body = frameMessage(await compress(frame.subarray(FRAME_HEADER), encoding, level), true);
    return { status: 200, headers: [...HEADERS, ["grpc-encoding", encoding]], body, trailers: OK_TRAILERS };
  }
}
