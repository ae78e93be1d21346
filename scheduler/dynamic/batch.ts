import type { CloseReason, OpenBatch } from "./form_batch.ts";
import type { QueuedTask } from "./task_list.ts";

/** A batch from the time it is begun until an instance takes it: until then it may grow. */
export class Batch implements OpenBatch {
  readonly #tasks: QueuedTask[] = [];
  /** Of all requests. */
  rows = 0;
  shapeKey = "";
  /** Takes no more requests. */
  saturated = false;
  /** Is not merged with another batch either. */
  sealed = false;
  /** Waits for an instance. */
  queued = false;
  reason: CloseReason = "idle";
  /** `Clock.now()` when its first request was enqueued. */
  since = 0;

  add(task: QueuedTask): void {
    // All that it had may have been cancelled.
    if (this.rows === 0) {
      this.shapeKey = task.shapeKey;
      this.since = task.enqueuedAt;
    }
    this.#tasks.push(task);
    this.rows += task.rows;
    task.batch = this;
  }

  /** Leaves out a request that was cancelled: while the batch waits there may be any number of them. */
  cancel(task: QueuedTask): void {
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    this.rows -= task.rows;
    task.batch = undefined;
  }

  /** Adds the requests of a batch with the same key, which is of no use afterwards. */
  merge(other: Batch): void {
    for (const task of other.tasks) this.add(task);
  }

  /** The requests, in order. */
  get tasks(): readonly QueuedTask[] {
    return this.#tasks;
  }
}
