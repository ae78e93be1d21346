import type { Clock } from "../../core/clock.ts";
import type { ModelStatistics } from "../../observability/statistics.ts";
import type { ModelInstance } from "../../backends/backend.ts";
import { InstancePool, type InstanceSlot } from "../instance_pool.ts";
import type { RowRequests } from "./rows.ts";
import type { SequenceSlot } from "./sequence.ts";
import { type ExecutionContext, SequenceExecution } from "./sequence_execution.ts";
import type { ExecutePlan, SequenceStrategy } from "./strategy.ts";

/** What a batcher is made from. */
export interface BatcherOptions {
  readonly instance: ModelInstance;
  /** Called when the instance is back after its worker was restarted, and when it has been given up. */
  readonly onRestart: () => void;
  readonly slots: readonly SequenceSlot[];
  readonly strategy: SequenceStrategy;
  /** Executions that the instance may hold at once. */
  readonly concurrency: () => number;
  readonly rows: RowRequests;
  readonly context: ExecutionContext;
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
}

/** One instance with its slots: carries out what its strategy plans. */
export class SequenceBatcher {
  readonly slots: readonly SequenceSlot[];
  readonly strategy: SequenceStrategy;
  /** Nothing waits for a larger batch. */
  hurrying = false;
  /** Of the one instance: it knows what the rate limiter says. */
  readonly #pool: InstancePool;
  #running = false;
  #cancelTimer: (() => void) | undefined;

  constructor(private readonly options: BatcherOptions) {
    this.slots = options.slots;
    this.strategy = options.strategy;
    this.#pool = new InstancePool([options.instance], () => this.run());
    options.instance.onAvailable = options.onRestart;
  }

  get available(): boolean {
    return this.options.instance.available;
  }

  /** The instance never runs again. */
  get gone(): boolean {
    return this.options.instance.gone ?? false;
  }

  /** Executes what can be executed now, and sees to it that what has to wait is looked at again. */
  run(): void {
    // An execution may end, and come back here, before `execute` returns: the loop below goes on then.
    if (this.#running) return;
    this.#running = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { concurrency, clock, strategy } = this.options;
    while (this.#pool.slots[0].executing < concurrency() && strategy.waiting) {
      const instance = this.#pool.choose();
      if (!instance) break;
      const plan = strategy.plan(clock.now(), this.hurrying);
      if (plan === undefined) break;
      if ("waitMs" in plan) {
        this.#cancelTimer = clock.after(plan.waitMs, () => this.run());
        break;
      }
      this.#execute(plan, instance);
    }
    this.#running = false;
    if (this.#pool.limited && !strategy.waiting) this.#pool.withdraw();
  }

  /** An execution is over. */
  release(): void {
    this.#pool.slots[0].release();
  }

  #execute({ rows, reason }: ExecutePlan, instance: InstanceSlot): void {
    const { rows: requests, context, statistics } = this.options;
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (!task) continue;
      const { sequence } = task;
      sequence.take();
      sequence.executing++;
      sequence.begun = true;
      context.onBegin(task);
    }
    statistics.batchClosed(reason);
    instance.execute(new SequenceExecution(rows, requests.of(rows), context));
  }
}
