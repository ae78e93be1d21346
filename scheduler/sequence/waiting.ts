import type { Clock } from "../../core/clock.ts";
import { Fifo } from "../fifo.ts";
import { Heap } from "../heap.ts";
import type { SequenceKey } from "./correlation.ts";
import type { Sequence } from "./sequence.ts";

/** Deadlines of sequences that no longer wait are not tidied while there are fewer. */
const FEW = 64;

/** A waiting sequence does not want to wait any longer; of no use once its sequence has another deadline, or none. */
interface Limit {
  readonly at: number;
  readonly head: Sequence;
}

/** Sequences that wait for a slot, first come, first served, and no longer than the shortest timeout of their requests. */
export class Backlog {
  readonly #waiting = new Fifo<Sequence>();
  readonly #gone = new WeakSet<Sequence>();
  /** How many of those that wait are gone. */
  #goneWaiting = 0;
  #limits = new Heap<Limit>(sooner);
  /** How many sequences that wait have a deadline. */
  #limited = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;

  /** @param onTimeout told the sequence, taken out already, whose time is up. */
  constructor(private readonly clock: Clock, private readonly onTimeout: (head: Sequence) => void) {}

  /** Sequences that wait. */
  get length(): number {
    return this.#waiting.length - this.#goneWaiting;
  }

  /** Deadlines that are remembered, among them some that are of no use any more. */
  get deadlines(): number {
    return this.#limits.length;
  }

  add(sequence: Sequence): void {
    this.#waiting.push(sequence);
  }

  /** A request of a waiting sequence does not want to wait beyond `deadline`. */
  limit({ head }: Sequence, deadline: number): void {
    if (deadline >= head.deadline) return;
    if (head.deadline === Infinity) this.#limited++;
    head.deadline = deadline;
    this.#limits.push({ at: deadline, head });
    this.#tidy();
    this.#arm();
  }

  /** Takes the next sequence out. */
  shift(): Sequence | undefined {
    let next = this.#waiting.shift();
    for (; next && this.#gone.has(next); next = this.#waiting.shift()) this.#goneWaiting--;
    if (next) this.#unlimit(next);
    return next;
  }

  remove(head: Sequence): void {
    this.#gone.add(head);
    this.#unlimit(head);
    if (!this.#waiting.mostlyGone(++this.#goneWaiting)) return;
    this.#waiting.keep((waiting) => !this.#gone.has(waiting));
    this.#goneWaiting = 0;
  }

  #unlimit(head: Sequence): void {
    if (head.deadline === Infinity) return;
    head.deadline = Infinity;
    this.#limited--;
    this.#tidy();
  }

  /** Sees to it that sequences which have left hold neither memory nor a timer until their time would have been up. */
  #tidy(): void {
    if (this.#limited === 0) {
      this.#limits = new Heap(sooner);
      this.#cancelTimer?.();
      this.#timerAt = Infinity;
    } else if (this.#limits.length > FEW && this.#limits.length > 2 * this.#limited) {
      const all = this.#limits;
      this.#limits = new Heap(sooner);
      for (let limit = all.pop(); limit; limit = all.pop()) if (isValid(limit)) this.#limits.push(limit);
    }
  }

  #arm(): void {
    const first = this.#limits.peek();
    if (!first || first.at >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = first.at;
    const ms = Math.max(0, first.at - this.clock.now());
    this.#cancelTimer = this.clock.after(ms, () => this.#expire());
  }

  #expire(): void {
    this.#timerAt = Infinity;
    const now = this.clock.now();
    for (let first = this.#limits.peek(); first && first.at <= now; first = this.#limits.peek()) {
      this.#limits.pop();
      if (!isValid(first)) continue;
      this.remove(first.head);
      this.onTimeout(first.head);
    }
    this.#arm();
  }
}

function sooner(a: Limit, b: Limit): boolean {
  return a.at < b.at;
}

function isValid({ at, head }: Limit): boolean {
  return at === head.deadline;
}

/** Ends sequences that have had nothing to do for a while. Costs the same whatever their number. */
export class IdleWatch {
  /** In the order in which they became idle. */
  readonly #idle = new Set<Sequence>();
  #cancelTimer: (() => void) | undefined;

  /** @param onExpired told the sequence, no longer watched. */
  constructor(
    private readonly clock: Clock,
    private readonly idleMs: number,
    private readonly onExpired: (sequence: Sequence) => void,
  ) {}

  add(sequence: Sequence, now: number): void {
    sequence.idleSince = now;
    this.#idle.add(sequence);
    if (!this.#cancelTimer) this.#arm(this.idleMs);
  }

  /** Forgets what it watches, until something is added again. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#idle.clear();
  }

  remove(sequence: Sequence): void {
    this.#idle.delete(sequence);
  }

  #arm(ms: number): void {
    this.#cancelTimer = this.clock.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const now = this.clock.now();
    for (const sequence of this.#idle) {
      const left = sequence.idleSince + this.idleMs - now;
      if (left > 0) {
        if (!this.#cancelTimer) this.#arm(left);
        return;
      }
      this.#idle.delete(sequence);
      this.onExpired(sequence);
    }
  }
}

/** Why a sequence ended that its client did not end. */
export type Departure = "expired" | "lost";

/** Remembers the sequences that the server ended, the latest few thousand of them, to tell their clients so. */
export class Departures {
  readonly #reasons = new Map<SequenceKey, Departure>();

  constructor(private readonly limit = 10_000) {}

  add(key: SequenceKey, reason: Departure): void {
    this.#reasons.delete(key);
    this.#reasons.set(key, reason);
    if (this.#reasons.size > this.limit) this.#reasons.delete(this.#reasons.keys().next().value!);
  }

  reasonOf(key: SequenceKey): Departure | undefined {
    return this.#reasons.get(key);
  }

  forget(key: SequenceKey): void {
    if (this.#reasons.size > 0) this.#reasons.delete(key);
  }
}
