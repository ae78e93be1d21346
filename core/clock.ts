/** Time as schedulers see it: injected, so that tests step it instead of sleeping. */
export interface Clock {
  /** Milliseconds on a monotonic scale, with fractions. */
  now(): number;
  /** Calls `callback` once after `ms`; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
}

const MAX_TIMER_MS = 0x7fff_ffff;

/** The process's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    // A timer for longer would go off at once.
    if (ms > MAX_TIMER_MS) {
      let cancel = systemClock.after(MAX_TIMER_MS, () => cancel = systemClock.after(ms - MAX_TIMER_MS, callback));
      return () => cancel();
    }
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock that moves only when a test says so. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves time on by `ms`, calling what falls due on the way, in order of time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = due.at;
      due.callback();
    }
    this.#now = end;
  }
}
