import { Fifo } from "../fifo.ts";

/** Who waits at a gate. */
export interface Waiting {
  /** True for one that does not want to run any more. */
  readonly over: boolean;
  /** Its turn has come: it has the place, and gives it back with {@link StepGate.leave}. */
  run(): void;
}

/** Lets at most a number of requests of one step run at once, over all requests of an ensemble; the others wait in order. */
export class StepGate {
  #running = 0;
  readonly #waiting = new Fifo<Waiting>();
  #leaving = false;
  /** Those in the queue that do not want to run any more. */
  #gone = 0;

  /** @param limit 0 for none. */
  constructor(private readonly limit: number) {}

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length - this.#gone;
  }

  /** Takes a place. If false there is none, and `waiting` is called when it is its turn. */
  enter(waiting: Waiting): boolean {
    if (this.limit === 0) return true;
    if (this.#running < this.limit) {
      this.#running++;
      return true;
    }
    this.#waiting.push(waiting);
    return false;
  }

  /** One of those that wait is over. */
  calledOff(): void {
    if (!this.#waiting.mostlyGone(++this.#gone)) return;
    this.#waiting.keep(({ over }) => !over);
    this.#gone = 0;
  }

  /** Gives a place back. */
  leave(): void {
    if (this.limit === 0) return;
    this.#running--;
    // Who runs may leave before it returns: the loop below goes on with the next, instead of one call within another.
    if (this.#leaving) return;
    this.#leaving = true;
    while (this.#running < this.limit) {
      const next = this.#waiting.shift();
      if (!next) break;
      if (next.over) {
        this.#gone--;
        continue;
      }
      this.#running++;
      next.run();
    }
    this.#leaving = false;
  }
}
