import type { Clock } from "../../core/clock.ts";
import type { AfterTurn } from "./turn_gate.ts";

/** What the runtime's timers ring late, at least. */
const TIMER_LATENESS_MS = 1.1;
/** Times that no timer can meet: the shortest rings after a millisecond and its lateness. */
const SHORT_MS = 1 + TIMER_LATENESS_MS / 2;

/**
 * Rings once at a time. Queue delays of a fraction of a millisecond are common, and the runtime's timers are too coarse
 * for them: short times are met by looking at the clock at the end of each turn of the event loop.
 */
export class Alarm {
  #at = Infinity;
  #cancelTimer: () => void = () => {};
  #watching = false;

  /** @param afterTurn without it the clock's own timers are exact. */
  constructor(
    private readonly clock: Clock,
    private readonly afterTurn: AfterTurn | undefined,
    private readonly onRing: () => void,
  ) {}

  /** Has it ring at a time, Infinity for never; it may ring sooner. What was set before is forgotten. */
  set(at: number): void {
    // A timer that rings too soon costs less than setting it anew for every request.
    if (at === this.#at || at > this.#at && !this.#watching) return;
    this.#at = at;
    this.#arm();
  }

  /** Does not ring until it is set again; no timer is left that would keep what rings alive. */
  clear(): void {
    this.#at = Infinity;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
  }

  #arm(): void {
    const { afterTurn, clock } = this;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (this.#at === Infinity) return;
    const leftMs = this.#at - clock.now();
    if (afterTurn === undefined) this.#cancelTimer = clock.after(Math.max(0, leftMs), this.#ring);
    else if (leftMs > SHORT_MS) {
      this.#cancelTimer = clock.after(Math.max(1, Math.round(leftMs - TIMER_LATENESS_MS)), this.#ring);
    } else if (!this.#watching) {
      this.#watching = true;
      afterTurn(this.#look);
    }
  }

  readonly #look = (): void => {
    this.#watching = false;
    if (this.#at <= this.clock.now()) this.#ring();
    else this.#arm();
  };

  readonly #ring = (): void => {
    this.#at = Infinity;
    this.onRing();
  };
}
