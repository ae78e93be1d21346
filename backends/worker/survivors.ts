/** An instance that can be given up. */
export interface Mortal {
  readonly passive: boolean;
  /** See `ModelInstance.onAvailable`. */
  readonly onAvailable: () => void;
}

/**
 * Which instances of one model version run or will run again. While there are any, requests are for them. When all that
 * take requests are given up, nobody would ever take what waits: then they take it after all, to refuse it.
 */
export class Survivors {
  readonly #members = new Set<Mortal>();
  readonly #alive = new Set<Mortal>();

  /** True while an instance takes requests, or will. */
  get any(): boolean {
    return this.#alive.size > 0;
  }

  add(instance: Mortal): void {
    if (instance.passive) return;
    this.#members.add(instance);
    this.#alive.add(instance);
  }

  /** The instance never runs again. */
  giveUp(instance: Mortal): void {
    this.#alive.delete(instance);
    if (!this.any) { for (const member of this.#members) member.onAvailable(); }
  }

  /** The instance has been stopped on purpose. */
  remove(instance: Mortal): void {
    this.#members.delete(instance);
    this.#alive.delete(instance);
  }
}
