import type { InferenceRequest, ResponseSink } from "../core/inference.ts";
import { Cancellable } from "./cancellable.ts";

/** Where a request is on its way through a scheduler. */
export type TaskState = "queued" | "executing" | "over";

/** One request inside a scheduler, from `enqueue` to `finish`. */
export class Task extends Cancellable {
  state: TaskState = "queued";
  /** `Clock.now()` when its execution began; until then when it was enqueued. */
  startedAt: number;
  /** `Clock.now()` after which it no longer wants to wait; Infinity without a timeout. */
  deadline = Infinity;
  /** Requests with different keys do not run together. */
  shapeKey = "";
  /** 1-based priority level, lower first; 0 where the model has none. */
  level = 0;

  constructor(
    request: InferenceRequest,
    public sink: ResponseSink,
    /** `Clock.now()` when the scheduler took it. */
    readonly enqueuedAt: number,
  ) {
    super(request);
    this.startedAt = enqueuedAt;
  }

  /** Rows it adds to a batch; at least 1. */
  get rows(): number {
    return this.request.batchSize;
  }
}
