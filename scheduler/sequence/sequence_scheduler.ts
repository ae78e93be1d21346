import type { ModelInstance } from "../../backends/backend.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { cancelledInQueue, queueFull, serverStopping } from "../../core/errors/scheduler.ts";
import { sequenceCancelled, sequenceLost, sequenceTimedOut } from "../../core/errors/sequence.ts";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { FailureReason, ModelStatistics } from "../../observability/statistics.ts";
import { type AfterTurn, TurnGate } from "../dynamic/turn_gate.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import { SequenceBatcher } from "./batcher.ts";
import type { SequenceConfig } from "./config.ts";
import { type SequenceKey, sequenceKey } from "./correlation.ts";
import { type HoldOptions, isEnough } from "./hold.ts";
import { Places } from "./places.ts";
import { RowRequests } from "./rows.ts";
import { SequenceRegistry } from "./registry.ts";
import { type Sequence, SequenceSlot, SequenceTask } from "./sequence.ts";
import type { ExecutionContext } from "./sequence_execution.ts";
import { extended } from "./strategy.ts";
import { IdleWatch } from "./waiting.ts";

/** What a sequence scheduler is made from. */
export interface SequenceSchedulerOptions extends HoldOptions {
  readonly modelName: string;
  readonly config: SequenceConfig;
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock?: Clock;
  /** Requests that may wait; default {@link DEFAULT_QUEUE_SIZE}. */
  readonly maxQueueSize?: number;
  /** Told of clients that seem to have gone wrong. */
  readonly warning?: (message: string) => void;
  /** Lets requests of one turn of the event loop run together; without it each is looked at when it comes. */
  readonly afterTurn?: AfterTurn;
}

/**
 * The scheduler of stateful models: all requests of a sequence run on the same instance, in their order, in a slot that
 * the sequence holds from its START to its END. Sequences without a slot wait in a backlog.
 *
 * A sequence also ends when its id is started anew, when it has had nothing to do for `max_sequence_idle_microseconds`,
 * when a request of it is cancelled before it has executed, and when the worker that held its state is gone.
 */
export class SequenceScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #statistics: ModelStatistics;
  readonly #batchers: readonly SequenceBatcher[];
  readonly #places: Places;
  readonly #registry: SequenceRegistry;
  readonly #idle: IdleWatch;
  #arrivals = 0;
  #queued = 0;
  #inFlight = 0;
  /** No sequence begins any more. */
  #finishing = false;
  #stopping = false;
  #held: boolean;
  readonly #gate: TurnGate | undefined;
  /** Requests that came in this turn and were left to its end. */
  #arrived: SequenceTask[] = [];

  constructor(private readonly options: SequenceSchedulerOptions) {
    const { config, instances, modelName, statistics } = options;
    this.#clock = options.clock ?? systemClock;
    this.#statistics = statistics;
    this.#held = (options.delayUntilQueued ?? 0) > 0;
    this.#registry = new SequenceRegistry({
      modelName,
      iterative: config.iterative,
      maxIdleMicros: config.maxIdleMicros,
    });
    this.#gate = options.afterTurn && new TurnGate(options.afterTurn, () => this.#endTurn());
    this.#idle = new IdleWatch(this.#clock, config.maxIdleMicros / 1000, (sequence) => this.#expired(sequence));
    const context: ExecutionContext = {
      modelName,
      statistics,
      clock: this.#clock,
      iterative: config.iterative,
      stateful: config.stateful,
      onBegin: (task) => this.#onBegin(task),
      onOver: (rows, again) => this.#onOver(rows, again),
    };
    const rows = new RowRequests(config.controls, config.outputs);
    const clock = this.#clock;
    this.#batchers = instances.filter(({ passive }) => !passive).map((instance, index) => {
      const slots = Array.from({ length: config.slots }, (_, slot) => new SequenceSlot(index, slot));
      const concurrency = config.concurrency(instance);
      const strategy = config.strategy(slots);
      const onRestart = () => this.#restarted(index);
      return new SequenceBatcher({
        instance,
        onRestart,
        slots,
        strategy,
        concurrency,
        rows,
        context,
        statistics,
        clock,
      });
    });
    this.#places = new Places(
      this.#slots(),
      (index) => this.#batchers[index].available,
      clock,
      (head) => this.#timedOut(head),
    );
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#queued;
  }

  /** Sequences that have begun and not ended, those in the backlog included. */
  get sequences(): number {
    return this.#registry.size;
  }

  /** Sequences in the backlog; those that one id began one after the other count as one. */
  get waitingSequences(): number {
    return this.#places.backlog.length;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink): void {
    const key = sequenceKey(request.correlationId);
    const running = this.#registry.find(key);
    const refusal = this.#refusal(request, key, running);
    if (refusal) {
      refuse(sink, refusal);
      return;
    }
    const { options: { config } } = this;
    if (config.iterative) request.memory = undefined; // its inputs are read at every execution
    const now = this.#clock.now();
    const first = request.sequenceStart || running === undefined;
    const sequence = first ? this.#begin(request, key, running) : running;
    const task = new SequenceTask(request, sink, now, sequence, first, this.#arrivals++);
    task.shapeKey = config.shapeKey(request);
    sequence.queue.push(task);
    if (request.sequenceEnd || key === undefined) this.#registry.close(sequence);
    this.#idle.remove(sequence);
    this.#queued++;
    this.#inFlight++;
    if (!sequence.slot && request.timeoutMicros > 0) {
      this.#places.backlog.limit(sequence, now + request.timeoutMicros / 1000);
    }
    if (request.signal?.aborted) {
      this.#cancel(task);
      return;
    }
    if (this.#held) {
      if (isEnough(this.#slots(), this.#queued, config.oneByOne, this.options)) this.#release();
    } else if (sequence.slot) this.#offer(sequence.slot, sequence, task);
    if (this.#gate?.arrived()) {
      this.#arrived.push(task);
      return;
    }
    if (!this.#held && sequence.slot) this.#batchers[sequence.slot.batcher].run();
    this.#listen(task);
  }

  hurry(): void {
    for (const batcher of this.#batchers) batcher.hurrying = true;
    if (this.#held) this.#release();
    else this.#runAll();
  }

  finishSequences(): void {
    this.#finishing = true;
  }

  endSequences(): void {
    for (const sequence of this.#registry.all()) {
      this.#registry.close(sequence);
      this.#idle.remove(sequence);
      const { slot } = sequence;
      if (slot?.current === sequence && sequence.drained) this.#advance(slot);
    }
    this.#runAll();
  }

  stop(): void {
    this.#finishing = this.#stopping = true;
    this.hurry();
    if (this.#inFlight === 0) this.#idle.close();
  }

  /** Why a request is not taken; what a client did wrong is not counted as a failure of the model. */
  #refusal(request: InferenceRequest, key: SequenceKey | undefined, running: Sequence | undefined): Status | undefined {
    const { modelName, maxQueueSize = DEFAULT_QUEUE_SIZE } = this.options;
    const mistake = this.#registry.mistakeIn(request, key);
    if (mistake) return mistake;
    const goesOn = running !== undefined && !request.sequenceStart;
    const refusal = this.#finishing && !goesOn
      ? serverStopping(modelName)
      : this.#queued >= maxQueueSize
      ? queueFull(request.id, modelName, maxQueueSize, "--max-queue-size")
      : undefined;
    if (refusal) this.#statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
    return refusal;
  }

  /** A new sequence, with a place. @param previous the one of the same id that it ends. */
  #begin(request: InferenceRequest, key: SequenceKey | undefined, previous: Sequence | undefined): Sequence {
    const sequence = this.#registry.begin(request, key, previous);
    if (!previous) {
      this.#places.place(sequence);
      return sequence;
    }
    this.options.warning?.(
      `sequence ${sequence.id} for model '${this.options.modelName}' has a conflict. The previous sequence did not end ` +
        `before this sequence start. Previous sequence will be terminated early.`,
    );
    this.#idle.remove(previous);
    this.#places.follow(previous, sequence);
    return sequence;
  }

  /** Sees to what came in this turn of the event loop. */
  #endTurn(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (let i = 0; i < arrived.length; i++) {
      const { slot } = arrived[i].sequence;
      if (arrived[i].state === "queued" && slot) this.#run(this.#batchers[slot.batcher]);
    }
    for (let i = 0; i < arrived.length; i++) this.#listen(arrived[i]);
  }

  #listen(task: SequenceTask): void {
    const { signal } = task.request;
    if (signal === undefined || task.state !== "queued") return;
    if (signal.aborted) this.#cancel(task);
    else task.watch(() => this.#cancel(task));
  }

  /** Tells a slot's strategy that `task` may execute, if it is the next one of the sequence in the slot. */
  #offer(slot: SequenceSlot, sequence: Sequence, task: SequenceTask): void {
    if (slot.current === sequence && sequence.executing === 0 && sequence.next() === task) this.#ready(slot, sequence);
  }

  #ready(slot: SequenceSlot, sequence: Sequence): void {
    const task = sequence.next()!;
    if (task.offered) return;
    task.offered = true;
    if (sequence.history !== 0) task.shapeKey += `#${sequence.history}`;
    this.#batchers[slot.batcher].strategy.ready(sequence);
  }

  #runAll(): void {
    for (const batcher of this.#batchers) this.#run(batcher);
  }

  #run(batcher: SequenceBatcher): void {
    if (!this.#held) batcher.run();
  }

  #onBegin({ sequence, shapeKey }: SequenceTask): void {
    this.#queued--;
    if (this.options.config.growing) sequence.history = extended(sequence.history, shapeKey);
  }

  #onOver(rows: readonly (SequenceTask | undefined)[], again: readonly SequenceTask[]): void {
    const now = this.#clock.now();
    let batcher: SequenceBatcher | undefined;
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (!task) continue;
      const { sequence } = task;
      const slot = sequence.slot!;
      batcher = this.#batchers[slot.batcher];
      sequence.executing--;
      if (again.includes(task)) this.#reschedule(task);
      else this.#inFlight--;
      this.#settle(slot, sequence, now);
    }
    if (this.#stopping && this.#inFlight === 0) this.#idle.close();
    batcher!.release();
    this.#run(batcher!);
  }

  /** What becomes of a slot whose sequence has just executed. */
  #settle(slot: SequenceSlot, sequence: Sequence, now: number): void {
    if (sequence.drained) this.#advance(slot);
    else if (sequence.next()) this.#ready(slot, sequence);
    else if (sequence.executing === 0) this.#idle.add(sequence, now);
  }

  #reschedule(task: SequenceTask): void {
    const { sequence, request } = task;
    task.state = "queued";
    task.offered = false;
    sequence.again = task;
    this.#queued++;
    if (request.signal?.aborted) this.#abandon(sequence, task);
    else this.#listen(task);
  }

  /** Gives the slot of a sequence that is over to the next one. */
  #advance(slot: SequenceSlot): void {
    const next = this.#places.pass(slot);
    if (next?.next()) this.#ready(slot, next);
  }

  /** A request that nobody waits for takes its whole sequence out of the queue. One that executes runs to its end. */
  #cancel(task: SequenceTask): void {
    if (task.state !== "queued") return;
    const { sequence } = task;
    this.#abandon(sequence, task);
    if (!sequence.drained) return;
    const { slot } = sequence;
    if (!slot) this.#places.leave(sequence);
    else if (slot.current === sequence) {
      this.#advance(slot);
      this.#run(this.#batchers[slot.batcher]);
    }
  }

  /** Ends a sequence, failing what is queued of it. */
  #abandon(sequence: Sequence, cancelled: SequenceTask): void {
    this.#failAll(sequence, "CANCELED", (task) => task === cancelled ? cancelledInQueue() : sequenceCancelled());
  }

  #timedOut(head: Sequence): void {
    // all at once: a client that hears of it may start anew, which is not to join them
    for (let each: Sequence | undefined = head; each; each = each.successor) this.#registry.close(each);
    for (let each: Sequence | undefined = head; each; each = each.successor) {
      this.#failAll(each, "REJECTED", sequenceTimedOut);
    }
  }

  #expired(sequence: Sequence): void {
    this.#registry.close(sequence, "expired");
    const slot = sequence.slot!;
    this.#advance(slot);
    this.#run(this.#batchers[slot.batcher]);
  }

  /**
   * The worker of an instance is a new one, which knows nothing of the sequences that the old one had begun; or there is
   * none any more, and sequences begin on other instances while there are any.
   */
  #restarted(index: number): void {
    const batcher = this.#batchers[index];
    if (batcher.gone && this.#batchers.some(({ gone }) => !gone)) this.#places.retire(index);
    for (const slot of batcher.slots) {
      const { current } = slot;
      if (!current?.begun || current.executing > 0) continue;
      this.#registry.close(current, "lost");
      this.#idle.remove(current);
      this.#failAll(current, "OTHER", () => sequenceLost(current.id, this.options.modelName));
      this.#advance(slot);
    }
    this.#run(batcher);
  }

  #failAll(sequence: Sequence, reason: FailureReason, errorOf: (task: SequenceTask) => Status): void {
    this.#registry.close(sequence);
    const now = this.#clock.now();
    for (let task = sequence.next(); task; task = sequence.next()) {
      sequence.take();
      task.state = "over";
      task.unwatch();
      this.#queued--;
      this.#inFlight--;
      this.#statistics.requestFailed(now - task.request.receivedAt, reason);
      task.sink.finish(errorOf(task));
    }
  }

  #release(): void {
    this.#held = false;
    for (const slot of this.#slots()) if (slot.current?.next()) this.#ready(slot, slot.current);
    this.#runAll();
  }

  #slots(): SequenceSlot[] {
    return this.#batchers.flatMap(({ slots }) => slots);
  }
}
