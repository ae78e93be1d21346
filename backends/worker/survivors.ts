import type { Status } from "../../core/status.ts";

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
  readonly #lost = Promise.withResolvers<Status>();

  /** @param interchangeable false where an instance's requests, as those of a sequence, are for no other one. */
  constructor(private readonly interchangeable = true) {}

  /** True while what an instance cannot take is for another one, now or later. */
  get any(): boolean {
    return this.interchangeable && this.#alive.size > 0;
  }

  /** Resolves when the last instance is given up, with the reason of that one. */
  get lost(): Promise<Status> {
    return this.#lost.promise;
  }

  add(instance: Mortal): void {
    if (instance.passive) return;
    this.#members.add(instance);
    this.#alive.add(instance);
  }

  /** The instance never runs again. */
  giveUp(instance: Mortal, reason: Status): void {
    if (!this.#alive.delete(instance)) return;
    if (!this.interchangeable) instance.onAvailable();
    else if (!this.any) { for (const member of this.#members) member.onAvailable(); }
    if (this.#alive.size === 0) this.#lost.resolve(reason);
  }

  /** The instance has been stopped on purpose. */
  remove(instance: Mortal): void {
    this.#members.delete(instance);
    this.#alive.delete(instance);
  }
}
