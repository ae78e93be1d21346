import type { SequenceSlot, SequenceTask } from "./sequence.ts";
import { batchable, type Plan, type SequenceStrategy } from "./strategy.ts";

/** `direct` of a configuration, in milliseconds. */
export interface DirectOptions {
  readonly maxQueueDelayMs: number;
  /** Share of the slots that must have a request before a batch goes without waiting for the delay; 0 to 1. */
  readonly minimumSlotUtilization: number;
}

/**
 * The direct strategy: a sequence is always the same row of the batch. An execution has the rows from 0 to the last slot
 * that has a sequence; a slot whose next request is missing, or has another shape than the oldest one, is an empty row.
 */
export class DirectStrategy implements SequenceStrategy {
  readonly #least: number;

  constructor(private readonly slots: readonly SequenceSlot[], private readonly options: DirectOptions) {
    this.#least = options.minimumSlotUtilization * slots.length;
  }

  ready(): void {}

  plan(now: number): Plan | undefined {
    const { slots } = this;
    let oldest: SequenceTask | undefined;
    let ready = 0;
    let rows = 0;
    for (let i = 0; i < slots.length; i++) {
      const { current } = slots[i];
      if (!current) continue;
      rows = i + 1;
      const task = current.next();
      if (!task) continue;
      ready++;
      if (!oldest || task.arrival < oldest.arrival) oldest = task;
    }
    if (!oldest) return undefined;
    if (ready < this.#least) {
      const waitMs = oldest.enqueuedAt + this.options.maxQueueDelayMs - now;
      if (waitMs > 0) return { waitMs };
    }
    const batch: (SequenceTask | undefined)[] = new Array(rows);
    for (let i = 0; i < rows; i++) {
      const task = slots[i].current?.next();
      batch[i] = task && batchable(task, oldest) ? task : undefined;
    }
    return { rows: batch };
  }
}
