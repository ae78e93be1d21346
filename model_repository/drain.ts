import type { Clock } from "../core/clock.ts";
import { Status } from "../core/status.ts";
import type { Log } from "../observability/log.ts";
import { partOfSequences } from "./ensemble/part_of_sequences.ts";
import { stoppingOrder } from "./ensemble/stopping_order.ts";
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
      await this.#pause();
    }
  }

  /** Stops models in an order in which what runs, the later steps of ensembles included, goes to its end. */
  async stop(models: readonly ServedModel[]): Promise<void> {
    for (const group of stoppingOrder(models)) {
      for (const model of group) model.scheduler.stop();
      for (const model of group) await this.drained(model);
    }
  }

  /**
   * Begins no more sequences and resolves when those that have begun are over, or `timeoutMs` have passed. Meanwhile
   * models that have no part in any sequence are stopped.
   */
  async finishSequences(models: readonly ServedModel[], timeoutMs: number): Promise<void> {
    const { clock } = this;
    const end = clock.now() + timeoutMs;
    for (const { scheduler } of models) scheduler.finishSequences?.();
    const open = () => models.some(({ scheduler }) => (scheduler.sequences ?? 0) > 0);
    if (!open()) return;
    const needed = partOfSequences(models);
    this.stop(models.filter(({ name }) => !needed.has(name)));
    while (open() && clock.now() < end) await this.#pause();
  }

  /** Unloads a model, to which no more requests are routed, once nothing runs on it. */
  async release(model: ServedModel): Promise<void> {
    const { scheduler } = model;
    scheduler.hurry?.();
    while (model.held && !this.#abandoned) await this.#pause();
    // else those that wait for a slot would wait for sequences that cannot go on
    scheduler.endSequences?.();
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

  #pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(DRAIN_INTERVAL_MS, resolve));
  }
}
