import type { Clock } from "../core/clock.ts";
import { Status } from "../core/status.ts";
import type { Log } from "../observability/log.ts";
import type { ServedModel } from "./served_model.ts";

const DRAIN_INTERVAL_MS = 5;

/** Lets what runs on models finish before they are given back, until nobody waits for that any more. */
export class Drain {
  #abandoned = false;

  constructor(private readonly clock: Clock, private readonly log: Log) {}

  get abandoned(): boolean {
    return this.#abandoned;
  }

  /** Nobody waits any more: what runs is left behind, with its models. */
  abandon(): void {
    this.#abandoned = true;
  }

  /** Resolves when nothing runs on a model any more, or nobody waits for that. */
  async drained(model: ServedModel): Promise<void> {
    while (model.inFlight > 0 && !this.#abandoned) {
      await new Promise<void>((resolve) => this.clock.after(DRAIN_INTERVAL_MS, resolve));
    }
  }

  /** Unloads a model once nothing runs on it. */
  async release(model: ServedModel): Promise<void> {
    model.scheduler.hurry?.();
    await this.drained(model);
    if (this.#abandoned) return;
    model.scheduler.stop();
    try {
      await model.loaded.unload();
    } catch (thrown) {
      const { message } = Status.from(thrown);
      this.log.warning(`${model.name}: cannot release version ${model.version}: ${message}`);
    }
  }
}
