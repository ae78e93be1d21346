import type { InferenceRequest, ResponseSink } from "../core/inference.ts";

/** Decides when and with whom requests of one model version run. */
export interface Scheduler {
  /**
   * Takes a normalised request. From here on the scheduler owns it: `sink.finish` is called exactly once, now or later.
   */
  enqueue(request: InferenceRequest, sink: ResponseSink): void;
  /** Requests taken and not finished. */
  readonly inFlight: number;
  /** Requests taken and not yet executing. */
  readonly pending: number;
  /** Refuses new work with UNAVAILABLE; what was taken goes on. */
  stop(): void;
}
