import type { Clock } from "../../core/clock.ts";
import { cancelledInQueue } from "../../core/errors/scheduler.ts";
import { sequenceCancelled, sequenceLost, sequenceTimedOut } from "../../core/errors/sequence.ts";
import type { Status } from "../../core/status.ts";
import type { FailureReason, ModelStatistics } from "../../observability/statistics.ts";
import type { SequenceRegistry } from "./registry.ts";
import type { Sequence, SequenceTask } from "./sequence.ts";
import type { SlotRunner } from "./slot_runner.ts";
import type { IdleWatch } from "./waiting.ts";

/** Requests of a scheduler. */
export interface RequestCounts {
  /** Those that wait. */
  queued: number;
  /** Those that wait and those that execute. */
  inFlight: number;
}

/** What takes part when a sequence ends. */
export interface SequenceEndingsOptions {
  readonly modelName: string;
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
  readonly registry: SequenceRegistry;
  readonly runner: SlotRunner;
  readonly idle: IdleWatch;
  readonly counts: RequestCounts;
}

/**
 * How sequences end that do not run to their END: by a client that goes away, by a timeout in the backlog, by having
 * nothing to do for too long, by the loss of the worker with their state, and by the unloading of the model. What is queued
 * of them fails, and their places go to others.
 */
export class SequenceEndings {
  constructor(private readonly options: SequenceEndingsOptions) {}

  /** A request that nobody waits for takes its whole sequence out of the queue. One that executes runs to its end. */
  cancel(task: SequenceTask): void {
    if (task.state !== "queued") return;
    const { runner } = this.options;
    const { sequence } = task;
    this.abandon(sequence, task);
    if (!sequence.drained) return;
    const { slot } = sequence;
    if (!slot) runner.places.leave(sequence);
    else if (slot.current === sequence) {
      runner.advance(slot);
      runner.run(slot.batcher);
    }
  }

  /** Ends a sequence, failing what is queued of it; it keeps its place. */
  abandon(sequence: Sequence, cancelled: SequenceTask): void {
    this.#failAll(sequence, "CANCELED", (task) => task === cancelled ? cancelledInQueue() : sequenceCancelled());
  }

  /** A sequence, and those that share its place, have waited in the backlog for longer than they want to. */
  timedOut(head: Sequence): void {
    const { registry } = this.options;
    // all at once: a client that hears of it may start anew, which is not to join them
    for (let each: Sequence | undefined = head; each; each = each.successor) registry.close(each);
    for (let each: Sequence | undefined = head; each; each = each.successor) {
      this.#failAll(each, "REJECTED", sequenceTimedOut);
    }
  }

  /** A sequence has had nothing to do for too long. */
  expired(sequence: Sequence): void {
    const { registry, runner } = this.options;
    registry.close(sequence, "expired");
    const slot = sequence.slot!;
    runner.advance(slot);
    runner.run(slot.batcher);
  }

  /**
   * The worker of an instance is a new one, which knows nothing of the sequences that the old one had begun; or there is
   * none any more, and sequences begin on other instances while there are any.
   */
  restarted(index: number): void {
    const { registry, runner, idle, modelName } = this.options;
    const batcher = runner.batchers[index];
    if (batcher.gone && runner.batchers.some(({ gone }) => !gone)) runner.places.retire(index);
    for (const slot of batcher.slots) {
      const { current } = slot;
      if (!current?.begun || current.executing > 0) continue;
      registry.close(current, "lost");
      idle.remove(current);
      this.#failAll(current, "OTHER", () => sequenceLost(current.id, modelName));
      runner.advance(slot);
    }
    runner.run(index);
  }

  /** No sequence takes more requests; those that have some left end after them. */
  closeAll(): void {
    const { registry, runner, idle } = this.options;
    for (const sequence of registry.all()) {
      registry.close(sequence);
      idle.remove(sequence);
      const { slot } = sequence;
      if (slot?.current === sequence && sequence.drained) runner.advance(slot);
    }
    runner.runAll();
  }

  #failAll(sequence: Sequence, reason: FailureReason, errorOf: (task: SequenceTask) => Status): void {
    const { registry, clock, counts, statistics } = this.options;
    registry.close(sequence);
    const now = clock.now();
    for (let task = sequence.next(); task; task = sequence.next()) {
      sequence.take();
      task.state = "over";
      task.unwatch();
      counts.queued--;
      counts.inFlight--;
      statistics.requestFailed(now - task.request.receivedAt, reason);
      task.sink.finish(errorOf(task));
    }
  }
}
