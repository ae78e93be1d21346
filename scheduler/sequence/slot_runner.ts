import type { ModelInstance } from "../../backends/backend.ts";
import type { Clock } from "../../core/clock.ts";
import type { ModelStatistics } from "../../observability/statistics.ts";
import { SequenceBatcher } from "./batcher.ts";
import type { SequenceConfig } from "./config.ts";
import { type HoldOptions, isEnough } from "./hold.ts";
import { Places } from "./places.ts";
import { RowRequests } from "./rows.ts";
import { type Sequence, SequenceSlot, type SequenceTask } from "./sequence.ts";
import type { ExecutionContext } from "./sequence_execution.ts";

/** What a slot runner is made from. */
export interface SlotRunnerOptions {
  readonly config: SequenceConfig;
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
  readonly context: ExecutionContext;
  readonly hold: HoldOptions;
  /** Told the position of a batcher whose worker is a new one, or whose instance has been given up. */
  readonly onRestart: (batcher: number) => void;
  /** Told a sequence that left the backlog because its time was up. */
  readonly onTimeout: (head: Sequence) => void;
}

/** The instances with their slots: which sequence has which slot, and when what is in the slots executes. */
export class SlotRunner {
  readonly batchers: readonly SequenceBatcher[];
  readonly places: Places;
  readonly #config: SequenceConfig;
  readonly #hold: HoldOptions;
  #held: boolean;

  constructor({ config, instances, statistics, clock, context, hold, onRestart, onTimeout }: SlotRunnerOptions) {
    this.#config = config;
    this.#hold = hold;
    this.#held = (hold.delayUntilQueued ?? 0) > 0;
    const rows = new RowRequests(config.controls, config.outputs);
    this.batchers = instances.filter(({ passive }) => !passive).map((instance, index) => {
      const slots = Array.from({ length: config.slots }, (_, slot) => new SequenceSlot(index, slot));
      return new SequenceBatcher({
        instance,
        onRestart: () => onRestart(index),
        slots,
        strategy: config.strategy(slots),
        concurrency: config.concurrency(instance),
        rows,
        context,
        statistics,
        clock,
      });
    });
    this.places = new Places(this.#slots(), (index) => this.batchers[index].available, clock, onTimeout);
  }

  /**
   * Tells its strategy of a request that has come, if it is the next one of the sequence in its slot.
   *
   * @param queued requests that wait, this one included.
   */
  offer(task: SequenceTask, queued: number): void {
    if (this.#held) {
      if (isEnough(this.#slots(), queued, this.#config.oneByOne, this.#hold)) this.#release();
      return;
    }
    const { sequence } = task;
    const { slot } = sequence;
    if (slot?.current === sequence && sequence.executing === 0 && sequence.next() === task) this.ready(slot, sequence);
  }

  /** Tells a slot's strategy that the next request of its sequence may execute. */
  ready(slot: SequenceSlot, sequence: Sequence): void {
    const task = sequence.next()!;
    if (task.offered) return;
    task.offered = true;
    if (sequence.history !== 0) task.shapeKey += `#${sequence.history}`;
    this.batchers[slot.batcher].strategy.ready(sequence);
  }

  /** Gives the slot of a sequence that is over to the next one. */
  advance(slot: SequenceSlot): void {
    const next = this.places.pass(slot);
    if (next?.next()) this.ready(slot, next);
  }

  /** Executes what can be executed now on one instance. */
  run(batcher: number): void {
    if (!this.#held) this.batchers[batcher].run();
  }

  runAll(): void {
    if (!this.#held) { for (const batcher of this.batchers) batcher.run(); }
  }

  /** Lets nothing wait for a larger batch any more. */
  hurry(): void {
    for (const batcher of this.batchers) batcher.hurrying = true;
    if (this.#held) this.#release();
    else this.runAll();
  }

  #release(): void {
    this.#held = false;
    for (const slot of this.#slots()) if (slot.current?.next()) this.ready(slot, slot.current);
    this.runAll();
  }

  #slots(): SequenceSlot[] {
    return this.batchers.flatMap(({ slots }) => slots);
  }
}
