import type { Clock } from "../../core/clock.ts";
import { Heap } from "../heap.ts";
import type { Sequence, SequenceSlot } from "./sequence.ts";
import { Backlog } from "./waiting.ts";

/** Where sequences are: in a slot of some instance, or in the backlog until one is free. */
export class Places {
  /** Slot 0 of every instance, then slot 1 of every instance, and so on. */
  #free = new Heap<SequenceSlot>(before);
  /** Batchers whose slots are not given any more. */
  readonly #retired = new Set<number>();
  readonly backlog: Backlog;

  /**
   * @param isAvailable whether the instance of a batcher runs. @param onTimeout told a sequence that left the backlog because
   * its time was up.
   */
  constructor(
    slots: Iterable<SequenceSlot>,
    private readonly isAvailable: (batcher: number) => boolean,
    clock: Clock,
    onTimeout: (head: Sequence) => void,
  ) {
    for (const slot of slots) this.#free.push(slot);
    this.backlog = new Backlog(clock, onTimeout);
  }

  /** Gives a new sequence a free slot, or the end of the backlog. */
  place(sequence: Sequence): void {
    const slot = this.#takeSlot();
    if (!slot) return this.backlog.add(sequence);
    slot.current = sequence;
    sequence.slot = slot;
  }

  /** The first free slot of an instance that runs; without one, of one that will again. */
  #takeSlot(): SequenceSlot | undefined {
    const first = this.#free.pop();
    if (!first || this.isAvailable(first.batcher)) return first;
    const passed = [first];
    let found = this.#free.pop();
    for (; found && !this.isAvailable(found.batcher); found = this.#free.pop()) passed.push(found);
    for (let i = found ? 0 : 1; i < passed.length; i++) this.#free.push(passed[i]);
    return found ?? first;
  }

  /** Gives a new sequence the place of the one that it ends: in its slot or in the backlog, behind what is queued of it. */
  follow(previous: Sequence, sequence: Sequence): void {
    sequence.slot = previous.slot;
    sequence.head.chain++;
    previous.successor = sequence;
    if (previous.slot && previous.drained) previous.slot.current = sequence;
  }

  /** A sequence without a slot is over; its place in the backlog is given up with the last of those that share it. */
  leave({ head }: Sequence): void {
    if (--head.chain === 0) this.backlog.remove(head);
  }

  /** Gives no slot of a batcher any more, but to those who have one. */
  retire(batcher: number): void {
    this.#retired.add(batcher);
    const all = this.#free;
    this.#free = new Heap(before);
    for (let slot = all.pop(); slot; slot = all.pop()) if (slot.batcher !== batcher) this.#free.push(slot);
  }

  /** Gives the slot of a sequence that is over to its successor, to the backlog, or back. @returns who has it now. */
  pass(slot: SequenceSlot): Sequence | undefined {
    let next = slot.current?.successor;
    while (next?.drained) next = next.successor;
    const retired = this.#retired.has(slot.batcher);
    if (!retired) next ??= this.#fromBacklog(slot);
    slot.current = next;
    if (!next && !retired) this.#free.push(slot);
    return next;
  }

  #fromBacklog(slot: SequenceSlot): Sequence | undefined {
    for (let head = this.backlog.shift(); head; head = this.backlog.shift()) {
      for (let each: Sequence | undefined = head; each; each = each.successor) each.slot = slot;
      let next: Sequence | undefined = head;
      while (next?.drained) next = next.successor;
      if (next) return next;
    }
    return undefined;
  }
}

function before(a: SequenceSlot, b: SequenceSlot): boolean {
  return a.index !== b.index ? a.index < b.index : a.batcher < b.batcher;
}
