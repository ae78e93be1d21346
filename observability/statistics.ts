import type { ResponseStatistics } from "./response_statistics.ts";

/** A count of events and the nanoseconds they took together. */
export class Duration {
  count = 0;
  ns = 0;

  add(ms: number, times = 1): void {
    this.count += times;
    this.ns += Math.round(ms * 1e6) * times;
  }
}

/** Why a request failed: the label of `nv_inference_request_failure`. */
export type FailureReason = "REJECTED" | "CANCELED" | "BACKEND" | "OTHER";

/** Why no request was added to a batch any more. */
export type CloseReason =
  /** It had reached a size of `preferred_batch_size`, or the next request would have passed the largest of them. */
  | "preferred"
  /** The next request would not have fit into `max_batch_size`, or there was room for none. */
  | "full"
  /** Its oldest request had waited for `max_queue_delay_microseconds`. */
  | "delay"
  /** An instance was idle and took what there was. */
  | "idle"
  /** The next request had another shape, or other inputs. */
  | "shape"
  /** The model was being unloaded, or the server stopped: nothing more was waited for. */
  | "end";

export const CLOSE_REASONS: readonly CloseReason[] = ["preferred", "full", "delay", "idle", "shape", "end"];

/** Executions of one batch size. */
export interface BatchStatistics {
  readonly computeInput: Duration;
  readonly computeInfer: Duration;
  readonly computeOutput: Duration;
}

/**
 * What one model version has done since it was loaded; the source of the statistics extension and of the metrics. Which
 * number counts what follows Triton: the phases of an execution are added once to every request in it, `batch` once per
 * execution.
 */
export class ModelStatistics {
  /** Milliseconds since the epoch of the last request; 0 before the first. */
  lastInference = 0;
  inferenceCount = 0;
  executionCount = 0;
  readonly success: Duration = new Duration();
  readonly fail: Duration = new Duration();
  readonly queue: Duration = new Duration();
  readonly computeInput: Duration = new Duration();
  readonly computeInfer: Duration = new Duration();
  readonly computeOutput: Duration = new Duration();
  readonly cacheHit: Duration = new Duration();
  readonly cacheMiss: Duration = new Duration();
  readonly failures: Record<FailureReason, number> = { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 0 };
  /** Of decoupled models; undefined of others. */
  responses: ResponseStatistics | undefined = undefined;
  /** By executed batch size. */
  readonly batches: Map<number, BatchStatistics> = new Map();

  /** Batches by the reason why they took no more; undefined where no batches are formed. */
  closed: Record<CloseReason, number> | undefined;

  /** A batch was handed to an instance. */
  batchClosed(reason: CloseReason): void {
    this.closed ??= { preferred: 0, full: 0, delay: 0, idle: 0, shape: 0, end: 0 };
    this.closed[reason]++;
  }

  /** A request that got its response. Times in milliseconds. */
  requestSucceeded(batchSize: number, totalMs: number, queueMs: number, timing: Phases): void {
    this.lastInference = Date.now();
    this.inferenceCount += batchSize;
    this.success.add(totalMs);
    this.queue.add(queueMs);
    this.computeInput.add(timing.inputMs);
    this.computeInfer.add(timing.inferMs);
    this.computeOutput.add(timing.outputMs);
  }

  /** A request whose response was in the cache, or was being made for another one: no inference, no execution. */
  requestServedFromCache(totalMs: number, queueMs: number, lookupMs: number): void {
    this.lastInference = Date.now();
    this.success.add(totalMs);
    this.queue.add(queueMs);
    this.cacheHit.add(lookupMs);
  }

  /** A request that failed, wherever it was. */
  requestFailed(totalMs: number, reason: FailureReason): void {
    this.lastInference = Date.now();
    this.fail.add(totalMs);
    this.failures[reason]++;
  }

  /** One execution of `batchSize` rows in all. */
  executed(batchSize: number, timing: Phases): void {
    this.executionCount++;
    let batch = this.batches.get(batchSize);
    if (!batch) {
      batch = { computeInput: new Duration(), computeInfer: new Duration(), computeOutput: new Duration() };
      this.batches.set(batchSize, batch);
    }
    batch.computeInput.add(timing.inputMs);
    batch.computeInfer.add(timing.inferMs);
    batch.computeOutput.add(timing.outputMs);
  }
}

/** Milliseconds of the phases of one execution. */
export interface Phases {
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
}
