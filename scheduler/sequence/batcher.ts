import type { ModelInstance } from "../../backends/backend.ts";
import type { RowRequests } from "./rows.ts";
import type { SequenceSlot, SequenceTask } from "./sequence.ts";
import { type ExecutionContext, SequenceExecution } from "./sequence_execution.ts";
import type { SequenceStrategy } from "./strategy.ts";

/** Timers take no more than 2^31 - 1 ms; who is woken early looks again. */
const LONGEST_MS = 2 ** 30;

/** What a batcher is made from. */
export interface BatcherOptions {
  readonly instance: ModelInstance;
  readonly slots: readonly SequenceSlot[];
  readonly strategy: SequenceStrategy;
  /** Executions that the instance may hold at once. */
  readonly concurrency: () => number;
  readonly rows: RowRequests;
  readonly context: ExecutionContext;
}

/** One instance with its slots: carries out what its strategy plans. */
export class SequenceBatcher {
  readonly slots: readonly SequenceSlot[];
  readonly strategy: SequenceStrategy;
  #executing = 0;
  #running = false;
  #cancelTimer: (() => void) | undefined;

  constructor(private readonly options: BatcherOptions) {
    this.slots = options.slots;
    this.strategy = options.strategy;
  }

  /** Executes what can be executed now, and sees to it that what has to wait is looked at again. */
  run(): void {
    // An execution may end, and come back here, before `execute` returns: the loop below goes on then.
    if (this.#running) return;
    this.#running = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { instance, concurrency, context: { clock } } = this.options;
    while (instance.available && this.#executing < concurrency()) {
      const plan = this.strategy.plan(clock.now());
      if (plan === undefined) break;
      if ("waitMs" in plan) {
        this.#cancelTimer = clock.after(Math.min(plan.waitMs, LONGEST_MS), () => this.run());
        break;
      }
      this.#execute(plan.rows);
    }
    this.#running = false;
  }

  /** An execution is over. */
  release(): void {
    this.#executing--;
  }

  #execute(rows: readonly (SequenceTask | undefined)[]): void {
    const { rows: requests, context, instance } = this.options;
    for (let i = 0; i < rows.length; i++) {
      const sequence = rows[i]?.sequence;
      if (!sequence) continue;
      sequence.take();
      sequence.executing++;
      sequence.begun = true;
      context.onBegin(rows[i]!);
    }
    this.#executing++;
    instance.execute(new SequenceExecution(rows, requests.of(rows), context));
  }
}
