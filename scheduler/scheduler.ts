import type { InferenceRequest, ResponseSink } from "../core/inference.ts";

/** Decides when and with whom requests of one model version run. */
export interface Scheduler {
  /**
   * Takes a normalised request. From here on the scheduler owns it: `sink.finish` is called exactly once, now or
   * later; `sink.refuse` where it is not taken after all.
   *
   * @param since `Clock.now()` when it began to wait, where that was not now but in front of this scheduler: those that
   *   have timeouts count from then.
   */
  enqueue(request: InferenceRequest, sink: ResponseSink, since?: number): void;
  /** Requests taken and not finished. */
  readonly inFlight: number;
  /** Requests taken and not yet executing. */
  readonly pending: number;
  /**
   * From now on nothing waits for a larger batch, since whoever stops the model or the server waits for the requests. Work
   * is taken as before. Schedulers without delays do without.
   */
  hurry?(): void;
  /** Sequences that have begun and not ended. Schedulers that know of none do without. */
  readonly sequences?: number;
  /** Begins no more sequences: refuses them with UNAVAILABLE. Those that have begun go on. */
  finishSequences?(): void;
  /** Nobody sends any more requests: sequences end with what is queued of them. */
  endSequences?(): void;
  /** Refuses new work with UNAVAILABLE; what was taken goes on. */
  stop(): void;
}
