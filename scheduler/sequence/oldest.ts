import { Heap } from "../heap.ts";
import type { Sequence, SequenceTask } from "./sequence.ts";
import { batchable, type Plan, type SequenceStrategy } from "./strategy.ts";

/** `oldest` of a configuration, in milliseconds. */
export interface OldestOptions {
  /** Rows of the largest batch; 1 where the model does not batch. */
  readonly maxBatchSize: number;
  /** Each at most {@link maxBatchSize}. */
  readonly preferredSizes: readonly number[];
  readonly maxQueueDelayMs: number;
}

/**
 * The oldest strategy: each sequence offers one request at a time, and the oldest of those on offer form batches as the
 * dynamic batcher would, with preferred sizes and a delay.
 */
export class OldestStrategy implements SequenceStrategy {
  readonly #offers = new Heap<SequenceTask>((a, b) => a.arrival < b.arrival);
  /** Ascending. */
  readonly #preferred: readonly number[];
  readonly #largest: number;

  constructor(private readonly options: OldestOptions) {
    this.#preferred = options.preferredSizes.toSorted((a, b) => a - b);
    this.#largest = this.#preferred.at(-1) ?? options.maxBatchSize;
  }

  ready(sequence: Sequence): void {
    const task = sequence.next()!;
    if (task.offered) return;
    task.offered = true;
    this.#offers.push(task);
  }

  plan(now: number): Plan | undefined {
    const { tasks, complete } = this.#gather();
    if (tasks.length === 0) return undefined;
    const size = this.#size(tasks, complete, now);
    for (let i = size; i < tasks.length; i++) this.#offers.push(tasks[i]);
    if (size > 0) return { rows: size < tasks.length ? tasks.slice(0, size) : tasks };
    return { waitMs: tasks[0].enqueuedAt + this.options.maxQueueDelayMs - now };
  }

  /** The oldest offers that can run together; `complete` if none can be added, whatever comes. */
  #gather(): { tasks: SequenceTask[]; complete: boolean } {
    const tasks: SequenceTask[] = [];
    for (let task = this.#offers.peek(); task; task = this.#offers.peek()) {
      const stale = task.state !== "queued" || task.sequence.next() !== task;
      if (!stale) {
        if (tasks.length === this.options.maxBatchSize) return { tasks, complete: true };
        if (tasks.length > 0 && !batchable(tasks[0], task)) return { tasks, complete: true };
        tasks.push(task);
      }
      this.#offers.pop();
    }
    return { tasks, complete: tasks.length === this.options.maxBatchSize };
  }

  /** How many of the gathered requests go now; 0 to wait for more. */
  #size(tasks: readonly SequenceTask[], complete: boolean, now: number): number {
    const { maxQueueDelayMs } = this.options;
    const late = maxQueueDelayMs > 0 && now - tasks[0].enqueuedAt >= maxQueueDelayMs;
    if (!late) {
      const best = this.#preferred.findLast((size) => size <= tasks.length);
      if (best !== undefined) return best;
    }
    return complete || late || maxQueueDelayMs === 0 || tasks.length >= this.#largest ? tasks.length : 0;
  }
}
