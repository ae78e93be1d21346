import { type Clock, systemClock } from "../core/clock.ts";
import type { RepositoryEvent } from "../model_repository/repository_event.ts";

/** How long the versions of models took from the start of their loading until they were ready. */
export class LoadTimes {
  readonly #started = new Map<string, number>();
  readonly #seconds = new Map<string, number>();

  constructor(private readonly clock: Clock = systemClock) {}

  /** Takes note of a change of a version. */
  readonly onEvent = ({ name, version, state }: RepositoryEvent): void => {
    const key = keyOf(name, version);
    if (state === "LOADING") this.#started.set(key, this.clock.now());
    else if (state === "READY") this.#seconds.set(key, (this.clock.now() - (this.#started.get(key) ?? NaN)) / 1000);
    if (state !== "LOADING") this.#started.delete(key);
    if (state === "UNAVAILABLE") this.#seconds.delete(key);
  };

  /** Undefined for a version that was never seen to become ready. */
  seconds(name: string, version: number): number | undefined {
    const seconds = this.#seconds.get(keyOf(name, version));
    return Number.isNaN(seconds) ? undefined : seconds;
  }
}

function keyOf(name: string, version: number): string {
  return `${name}/${version}`;
}
