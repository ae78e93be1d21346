import type { Execution, ModelInstance } from "../backends/backend.ts";
import { type InstanceLimit, LimitedInstance, type Waiter } from "./rate_limiter/rate_limiter.ts";

/** How busy an instance is, as {@link chooseInstance} sees it. */
export interface Slot {
  readonly available: boolean;
  readonly passive: boolean;
  readonly capacity: number;
  readonly executing: number;
}

/**
 * The instance that takes the next execution: the least busy one that still has room; -1 if none has.
 *
 * @param first where to begin looking, so that equally busy instances take turns.
 */
export function chooseInstance(slots: readonly Slot[], first: number): number {
  let chosen = -1;
  let least = Infinity;
  for (let i = 0; i < slots.length; i++) {
    const index = (first + i) % slots.length;
    const slot = slots[index];
    if (slot.executing < least && hasRoom(slot)) {
      chosen = index;
      least = slot.executing;
      if (least === 0) break;
    }
  }
  return chosen;
}

/** An instance of a pool, and how many executions it has. */
export class InstanceSlot implements Slot {
  executing = 0;
  /** Undefined for an instance that is not rate-limited. */
  readonly limit: InstanceLimit | undefined;

  constructor(readonly instance: ModelInstance) {
    this.limit = instance instanceof LimitedInstance ? instance.limit : undefined;
  }

  get available(): boolean {
    return this.instance.available;
  }

  get passive(): boolean {
    return this.instance.passive;
  }

  get capacity(): number {
    return this.instance.capacity;
  }

  /** Hands an execution over. {@link release} follows when it is over. */
  execute(execution: Execution): void {
    this.executing++;
    this.limit?.begin();
    this.instance.execute(execution);
  }

  release(): void {
    this.executing--;
    this.limit?.end();
  }
}

/** The instances of one model version, taken in turns. */
export class InstancePool implements Waiter {
  readonly slots: readonly InstanceSlot[];
  /** True if the rate limiter has a say. */
  readonly limited: boolean;
  #next = 0;

  /** @param onGrant called when an instance that was away, or that the rate limiter held back, can take work. */
  constructor(instances: readonly ModelInstance[], readonly onGrant: () => void) {
    this.slots = instances.map((instance) => new InstanceSlot(instance));
    this.limited = this.slots.some(({ limit }) => limit);
    for (const { instance, limit } of this.slots) {
      instance.onAvailable = onGrant;
      if (limit) limit.waiter = this;
    }
  }

  /** The instance for the next execution; undefined while none has room, or the rate limiter admits none. */
  choose(): InstanceSlot | undefined {
    if (this.limited) return this.#chooseLimited();
    const chosen = chooseInstance(this.slots, this.#next);
    if (chosen < 0) return undefined;
    this.#next = (chosen + 1) % this.slots.length;
    return this.slots[chosen];
  }

  /** Nothing is left to execute: instances that the rate limiter holds back stand in nobody's way any more. */
  withdraw(): void {
    if (this.limited) this.slots.find(({ limit }) => limit?.staged)?.limit?.withdraw();
  }

  /** As {@link choose}, but by what the rate limiter says of the instances; all it holds back are staged. */
  #chooseLimited(): InstanceSlot | undefined {
    const free = this.slots.filter(hasRoom).sort((a, b) => (a.limit?.rank ?? 0) - (b.limit?.rank ?? 0));
    const chosen = free.find(({ limit }) => !limit || limit.admitted);
    if (!chosen) { for (const { limit } of free) limit?.stage(); }
    return chosen;
  }
}

function hasRoom({ available, passive, executing, capacity }: Slot): boolean {
  return available && !passive && executing < capacity;
}
