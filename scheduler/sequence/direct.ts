import type { SequenceSlot, SequenceTask } from "./sequence.ts";
import type { Plan, SequenceStrategy } from "./strategy.ts";

/** `direct` of a configuration. */
export interface DirectOptions {
  readonly delayMs: number;
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

  get waiting(): boolean {
    return this.slots.some(({ current }) => current?.next() !== undefined);
  }

  ready(): void {}

  plan(now: number, hurrying = false): Plan | undefined {
    const { slots } = this;
    let oldest: SequenceTask | undefined;
    let ready = 0;
    let length = 0;
    for (let i = 0; i < slots.length; i++) {
      const { current } = slots[i];
      if (!current) continue;
      length = i + 1;
      const task = current.next();
      if (!task) continue;
      ready++;
      if (!oldest || task.arrival < oldest.arrival) oldest = task;
    }
    if (!oldest) return undefined;
    const late = ready < this.#least;
    if (late && !hurrying) {
      const waitMs = oldest.enqueuedAt + this.options.delayMs - now;
      if (waitMs > 0) return { waitMs };
    }
    const rows: (SequenceTask | undefined)[] = new Array(length);
    let alike = 0;
    for (let i = 0; i < length; i++) {
      const task = slots[i].current?.next();
      const fits = task?.shapeKey === oldest.shapeKey;
      rows[i] = fits ? task : undefined;
      if (fits) alike++;
    }
    const reason = alike < ready ? "shape" : ready === slots.length ? "full" : late ? "delay" : "idle";
    return { rows, reason };
  }
}
