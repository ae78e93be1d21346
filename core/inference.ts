import type { Status } from "./status.ts";
import type { Tensor } from "./tensor.ts";

/** A request or response parameter. Integers beyond 2^53 are bigint. */
export type ParameterValue = string | number | bigint | boolean;

/** The identity of a sequence: 0 or "" means none. Numeric ids are unsigned 64-bit, as bigint where they exceed 2^53. */
export type CorrelationId = number | bigint | string;

/** Milliseconds that a request spent, summed over the executions that it led to. */
export class TimeSpent {
  /** Waiting to execute. */
  queueMs = 0;
  inputMs = 0;
  inferMs = 0;
  outputMs = 0;

  /** Adds one execution. */
  add(
    queueMs: number,
    phases: { readonly inputMs: number; readonly inferMs: number; readonly outputMs: number },
  ): void {
    this.queueMs += queueMs;
    this.inputMs += phases.inputMs;
    this.inferMs += phases.inferMs;
    this.outputMs += phases.outputMs;
  }
}

/**
 * One inference request, the same whether it came by HTTP, gRPC, an ensemble step or a warmup sample. The edges fill it;
 * `normalize` checks it against the model's configuration and sets {@link batchSize}; nothing changes it afterwards.
 */
export class InferenceRequest {
  /** The client's id, "" without one. */
  id = "";
  inputs: Tensor[] = [];
  /** Names of the outputs asked for; empty means all. */
  outputs: readonly string[] = [];
  /** Parameters for the model; those with a meaning of their own are the fields below. */
  parameters: Map<string, ParameterValue> | undefined = undefined;
  correlationId: CorrelationId = 0;
  sequenceStart = false;
  sequenceEnd = false;
  /** 0 means the model's default level. */
  priority = 0;
  /** Microseconds the request may wait in a queue; 0 means the model's default. */
  timeoutMicros = 0;
  /** Aborted when the client has gone or its deadline has passed. */
  signal: AbortSignal | undefined = undefined;
  /**
   * Memory of this request alone, that its inputs may be views of: the body that it came in. Whoever executes the request
   * may hand it to another thread, and the inputs are empty then. Undefined where somebody else may read it too.
   */
  memory: ArrayBuffer | undefined = undefined;
  /** Rows of this request: its first dimension where the model batches, else 1. Set by `normalize`. */
  batchSize = 1;
  /** `performance.now()` when the server had read the request: where its measured duration starts. */
  receivedAt: number = performance.now();
  /** Where schedulers add what a request that succeeds took, for who asked on behalf of another request. */
  spent: TimeSpent | undefined = undefined;

  /** @param modelVersion "" lets the version policy choose. */
  constructor(readonly modelName: string, readonly modelVersion: string) {}
}

/** One response. Unary models give exactly one, decoupled models any number. */
export interface InferenceResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters?: ReadonlyMap<string, ParameterValue>;
  readonly outputs: readonly Tensor[];
  /**
   * Memory of this response alone, that its outputs are views of. Who has copied the outputs out, and knows of nobody else
   * who reads them, may give it back with `freeMemory`; who keeps a response or hands it to several leaves this out.
   */
  readonly memory?: readonly ArrayBuffer[];
}

/**
 * Where the responses of one request go. `finish`, or `refuse`, is called exactly once, after the last response; nothing
 * follows it.
 */
export interface ResponseSink {
  respond(response: InferenceResponse): void;
  finish(error?: Status): void;
  /**
   * In place of `finish`, where no scheduler took the request: nothing of it was queued. Sinks to which that is an error
   * like all others have none.
   */
  refuse?(error: Status): void;
  /**
   * Undefined while more responses are welcome; else, as the client reads slower than they come, a promise that resolves
   * when there is room again or nobody waits any more. Who makes any number of responses asks before each and waits:
   * what is sent all the same is kept in memory. Sinks of unary calls have none.
   */
  backpressure?(): Promise<void> | undefined;
}
