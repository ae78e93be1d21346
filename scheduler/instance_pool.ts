import type { Execution, ModelInstance } from "../backends/backend.ts";

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
    const { available, passive, executing, capacity } = slots[index];
    if (available && !passive && executing < capacity && executing < least) {
      chosen = index;
      least = executing;
      if (least === 0) break;
    }
  }
  return chosen;
}

/** An instance of a pool, and how many executions it has. */
export class InstanceSlot implements Slot {
  executing = 0;

  constructor(readonly instance: ModelInstance) {}

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
    this.instance.execute(execution);
  }

  release(): void {
    this.executing--;
  }
}

/** The instances of one model version, taken in turns. */
export class InstancePool {
  readonly slots: readonly InstanceSlot[];
  #next = 0;

  /** @param onFree called when an instance that was away can take work again. */
  constructor(instances: readonly ModelInstance[], onFree: () => void) {
    this.slots = instances.map((instance) => new InstanceSlot(instance));
    for (const instance of instances) instance.onAvailable = onFree;
  }

  /** The instance for the next execution; undefined while none has room. */
  choose(): InstanceSlot | undefined {
    const chosen = chooseInstance(this.slots, this.#next);
    if (chosen < 0) return undefined;
    this.#next = (chosen + 1) % this.slots.length;
    return this.slots[chosen];
  }
}
