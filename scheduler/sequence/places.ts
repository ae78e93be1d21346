import type { Clock } from "../../core/clock.ts";
import { Heap } from "../heap.ts";
import type { Sequence, SequenceSlot } from "./sequence.ts";
import { Backlog } from "./waiting.ts";

/** Where sequences are: in a slot of some instance, or in the backlog until one is free. */
export class Places {
  /** Slot 0 of every instance, then slot 1 of every instance, and so on. */
  readonly #free = new Heap<SequenceSlot>((a, b) => a.index !== b.index ? a.index < b.index : a.batcher < b.batcher);
  readonly backlog: Backlog;

  /** @param onTimeout told a sequence that left the backlog because its time was up. */
  constructor(slots: Iterable<SequenceSlot>, clock: Clock, onTimeout: (head: Sequence) => void) {
    for (const slot of slots) this.#free.push(slot);
    this.backlog = new Backlog(clock, onTimeout);
  }

  /** Gives a new sequence a free slot, or the end of the backlog. */
  place(sequence: Sequence): void {
    const slot = this.#free.pop();
    if (!slot) return this.backlog.add(sequence);
    slot.current = sequence;
    sequence.slot = slot;
  }

  /** Gives a new sequence the place of the one that it ends: in its slot or in the backlog, behind what is queued of it. */
  follow(previous: Sequence, sequence: Sequence): void {
    sequence.slot = previous.slot;
    previous.successor = sequence;
    if (previous.slot && previous.drained) previous.slot.current = sequence;
  }

  /** Gives the slot of a sequence that is over to its successor, to the backlog, or back. @returns who has it now. */
  pass(slot: SequenceSlot): Sequence | undefined {
    let next = slot.current?.successor;
    while (next?.drained) next = next.successor;
    next ??= this.#fromBacklog(slot);
    slot.current = next;
    if (!next) this.#free.push(slot);
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
