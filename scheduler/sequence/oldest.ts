import { type BatchingRules, formBatch, type Walk } from "../dynamic/form_batch.ts";
import { Heap } from "../heap.ts";
import type { Sequence, SequenceTask } from "./sequence.ts";
import type { Plan, SequenceStrategy } from "./strategy.ts";

/** Fewer offers are not tidied. */
const FEW = 64;
const NONE: SequenceTask[] = [];
const NEW_BATCH = { rows: 0, shapeKey: "" };

/**
 * The oldest strategy: each sequence offers one request at a time, and the oldest of those on offer form batches as the
 * dynamic batcher's do, with preferred sizes and a delay.
 */
export class OldestStrategy implements SequenceStrategy, Walk<SequenceTask> {
  #offers = new Heap<SequenceTask>(earlier);
  /** Offers that the decision under way has looked at. */
  #seen: SequenceTask[] = NONE;

  /** @param slots as many offers at most are good; others have been cancelled. */
  constructor(private readonly rules: BatchingRules, private readonly slots: number) {}

  /** Requests on offer, among them some that have been cancelled. */
  get offers(): number {
    return this.#offers.length;
  }

  get waiting(): boolean {
    return this.#offers.length > 0;
  }

  ready(sequence: Sequence): void {
    if (this.#offers.length > FEW && this.#offers.length > 2 * this.slots) this.#tidy();
    this.#offers.push(sequence.next()!);
  }

  plan(now: number, hurrying = false): Plan | undefined {
    this.#skipStale();
    if (this.#offers.length === 0) return undefined;
    const seen: SequenceTask[] = this.#seen = [];
    const decision = formBatch(this, NEW_BATCH, now, this.rules, hurrying);
    this.#seen = NONE; // what executes is not to be kept
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

  /** Drops all that was cancelled: an instance that is busy for long does not look at it. */
  #tidy(): void {
    const all = this.#offers;
    this.#offers = new Heap(earlier);
    for (let task = all.pop(); task; task = all.pop()) if (task.state === "queued") this.#offers.push(task);
  }
}

function earlier(a: SequenceTask, b: SequenceTask): boolean {
  return a.arrival < b.arrival;
}
