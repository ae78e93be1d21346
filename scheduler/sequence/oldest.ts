import { type BatchingRules, formBatch, type Walk } from "../dynamic/form_batch.ts";
import { Heap } from "../heap.ts";
import type { Sequence, SequenceTask } from "./sequence.ts";
import type { Plan, SequenceStrategy } from "./strategy.ts";

const NEW_BATCH = { rows: 0, shapeKey: "" };

/**
 * The oldest strategy: each sequence offers one request at a time, and the oldest of those on offer form batches as the
 * dynamic batcher's do, with preferred sizes and a delay.
 */
export class OldestStrategy implements SequenceStrategy, Walk<SequenceTask> {
  readonly #offers = new Heap<SequenceTask>((a, b) => a.arrival < b.arrival);
  /** Offers that the decision under way has looked at. */
  #seen: SequenceTask[] = [];

  constructor(private readonly rules: BatchingRules) {}

  get waiting(): boolean {
    return this.#offers.length > 0;
  }

  ready(sequence: Sequence): void {
    this.#offers.push(sequence.next()!);
  }

  plan(now: number): Plan | undefined {
    const seen: SequenceTask[] = this.#seen = [];
    this.#skipStale();
    if (this.#offers.length === 0) return undefined;
    const decision = formBatch(this, NEW_BATCH, now, this.rules);
    const count = decision.kind === "send" ? decision.count : 0;
    for (let i = count; i < seen.length; i++) this.#offers.push(seen[i]);
    if (decision.kind === "wait") return { waitMs: Math.max(0, decision.until - now) };
    seen.length = count;
    return { rows: seen, reason: decision.reason };
  }

  next(): SequenceTask | undefined {
    this.#skipStale();
    const task = this.#offers.pop();
    if (task) this.#seen.push(task);
    return task;
  }

  /** Drops what was cancelled after it had been offered. */
  #skipStale(): void {
    while (this.#offers.peek()?.state === "over") this.#offers.pop();
  }
}
