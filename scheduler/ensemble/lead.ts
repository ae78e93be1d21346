import { type Demand, OUTPUTS } from "./demand.ts";
import type { EnsembleDescription } from "./description.ts";

/** Runs of a step, or responses that wait for an earlier one, from which on those who cause more of them wait. */
export const LONGEST_LEAD = 256;

/**
 * Keeps the decoupled steps of one request from running far ahead of the steps that read what they write: these are begun
 * once for each response. A step waits for its readers only, never for what comes before it or beside it: else two could
 * wait for each other.
 */
export class Lead {
  /** By step, runs that execute or wait. */
  readonly #runs: number[];
  /** By step, those that wait for their turn. */
  readonly #waiting: number[];
  /** By step, who waits until it has fewer runs. */
  readonly #rooms = new Map<number, PromiseWithResolvers<void>>();

  constructor(private readonly ensemble: EnsembleDescription, private readonly demand: Demand) {
    this.#runs = new Array(ensemble.steps.length).fill(0);
    this.#waiting = new Array(ensemble.steps.length).fill(0);
  }

  begins(step: number): void {
    this.#runs[step]++;
  }

  waits(step: number): void {
    this.#waiting[step]++;
  }

  /** A run that waited waits no longer. */
  waited(step: number): void {
    this.#waiting[step]--;
    this.#makeRoom(step);
  }

  ends(step: number): void {
    this.#runs[step]--;
    this.#makeRoom(step);
  }

  /** Undefined while another response of `step` is welcome; else a promise, after which it is to be asked again. */
  room(step: number): Promise<void> | undefined {
    for (const { tensor } of this.ensemble.steps[step].outputs) {
      for (const { step: reader } of this.demand.readersOf(tensor)) {
        if (reader === OUTPUTS || this.#waiting[reader] === 0 && this.#runs[reader] < LONGEST_LEAD) continue;
        let room = this.#rooms.get(reader);
        if (!room) this.#rooms.set(reader, room = Promise.withResolvers());
        return room.promise;
      }
    }
  }

  /** Nobody is to wait any more. */
  release(): void {
    for (const { resolve } of this.#rooms.values()) resolve();
    this.#rooms.clear();
  }

  #makeRoom(step: number): void {
    if (this.#rooms.size === 0 || this.#waiting[step] > 0 || this.#runs[step] > LONGEST_LEAD / 2) return;
    this.#rooms.get(step)?.resolve();
    this.#rooms.delete(step);
  }
}
