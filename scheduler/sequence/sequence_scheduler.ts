import type { ModelInstance } from "../../backends/backend.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { cancelledInQueue, serverStopping } from "../../core/errors/scheduler.ts";
import {
  sequenceBatchSize,
  sequenceCancelled,
  sequenceExpired,
  sequenceLost,
  sequenceNotStarted,
  sequenceQueueFull,
  sequenceTimedOut,
  sequenceWithoutId,
} from "../../core/errors/sequence.ts";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import type { FailureReason, ModelStatistics } from "../../observability/statistics.ts";
import { type AfterTurn, TurnGate } from "../dynamic/turn_gate.ts";
import { Heap } from "../heap.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import { SequenceBatcher } from "./batcher.ts";
import type { SequenceConfig } from "./config.ts";
import { inventedId, type SequenceKey, sequenceKey } from "./correlation.ts";
import { RowRequests } from "./rows.ts";
import { Sequence, SequenceSlot, SequenceTask } from "./sequence.ts";
import type { ExecutionContext } from "./sequence_execution.ts";
import { extended } from "./strategy.ts";
import { Backlog, Departures, IdleWatch } from "./waiting.ts";

/** What a sequence scheduler is made from. */
export interface SequenceSchedulerOptions {
  readonly modelName: string;
  readonly config: SequenceConfig;
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock?: Clock;
  /** Told of clients that seem to have gone wrong. */
  readonly warning?: (message: string) => void;
  /** Nothing executes until so many requests are queued in slots: `TRITONSERVER_DELAY_SCHEDULER`. */
  readonly delayUntilQueued?: number;
  /** … and so many in the backlog: `TRITONSERVER_BACKLOG_DELAY_SCHEDULER`. */
  readonly delayUntilBacklogged?: number;
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
  /** Slot 0 of every instance, then slot 1 of every instance, and so on. */
  readonly #free = new Heap<SequenceSlot>((a, b) => a.index !== b.index ? a.index < b.index : a.batcher < b.batcher);
  /** Sequences that take requests. */
  readonly #open = new Map<SequenceKey, Sequence>();
  readonly #backlog: Backlog;
  readonly #idle: IdleWatch;
  readonly #departures = new Departures();
  #arrivals = 0;
  #invented = 0;
  #queued = 0;
  #inFlight = 0;
  #stopping = false;
  #held: boolean;
  readonly #gate: TurnGate | undefined;
  /** Requests that came in this turn and were left to its end. */
  #arrived: SequenceTask[] = [];

  constructor(private readonly options: SequenceSchedulerOptions) {
    const { config, instances, modelName, statistics } = options;
    this.#clock = options.clock ?? systemClock;
    this.#statistics = statistics;
    this.#held = (options.delayUntilQueued ?? 0) > 0 || (options.delayUntilBacklogged ?? 0) > 0;
    this.#gate = options.afterTurn && new TurnGate(options.afterTurn, () => this.#endTurn());
    this.#backlog = new Backlog(this.#clock, (head) => this.#timedOut(head));
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
    for (const { slots } of this.#batchers) for (const slot of slots) this.#free.push(slot);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#queued;
  }

  /** Sequences that have begun and not ended, those in the backlog included. */
  get sequences(): number {
    return this.#open.size;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink): void {
    const key = sequenceKey(request.correlationId);
    const running = key === undefined ? undefined : this.#open.get(key);
    const refusal = this.#refusal(request, key, running);
    if (refusal) {
      sink.finish(refusal);
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
    if (request.sequenceEnd || key === undefined) this.#close(sequence);
    this.#idle.remove(sequence);
    this.#queued++;
    this.#inFlight++;
    if (!sequence.slot && request.timeoutMicros > 0) this.#backlog.limit(sequence, now + request.timeoutMicros / 1000);
    if (this.#held) this.#considerRelease();
    else if (sequence.slot) this.#offer(sequence.slot, sequence, task);
    if (this.#gate?.arrived()) {
      this.#arrived.push(task);
      return;
    }
    if (!this.#held && sequence.slot) this.#batchers[sequence.slot.batcher].run();
    this.#listen(task);
  }

  stop(): void {
    this.#stopping = true;
    if (this.#inFlight === 0) this.#idle.close();
  }

  /** Why a request is not taken; what a client did wrong is not counted as a failure of the model. */
  #refusal(
    request: InferenceRequest,
    key: SequenceKey | undefined,
    running: Sequence | undefined,
  ): Status | undefined {
    const { modelName, config } = this.options;
    const { correlationId, batchSize, sequenceStart } = request;
    if (batchSize > 1) return sequenceBatchSize(modelName, batchSize);
    if (key === undefined) {
      if (!config.iterative) return sequenceWithoutId(modelName);
    } else if (!sequenceStart && !running) {
      switch (this.#departures.reasonOf(key)) {
        case "expired":
          return sequenceExpired(correlationId, modelName, config.maxIdleMicros);
        case "lost":
          return sequenceLost(correlationId, modelName);
        default:
          return sequenceNotStarted(correlationId, modelName);
      }
    }
    const refusal = this.#stopping && !(running && !sequenceStart)
      ? serverStopping(modelName)
      : this.#queued >= DEFAULT_QUEUE_SIZE
      ? sequenceQueueFull(modelName, DEFAULT_QUEUE_SIZE)
      : undefined;
    if (refusal) this.#statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
    return refusal;
  }

  /** A new sequence, with a place: the one of `previous`, a free slot, or the end of the backlog. */
  #begin(request: InferenceRequest, key: SequenceKey | undefined, previous: Sequence | undefined): Sequence {
    const id = key === undefined ? inventedId(++this.#invented) : request.correlationId;
    const sequence = new Sequence(id, key, previous);
    if (key !== undefined) this.#departures.forget(key);
    if (previous) {
      this.options.warning?.(
        `sequence ${id} for model '${this.options.modelName}' has a conflict. The previous sequence did not end before ` +
          `this sequence start. Previous sequence will be terminated early.`,
      );
      this.#close(previous);
      this.#idle.remove(previous);
      sequence.slot = previous.slot;
      previous.successor = sequence;
      if (previous.slot && previous.drained) previous.slot.current = sequence;
    } else {
      const slot = this.#free.pop();
      if (slot) {
        slot.current = sequence;
        sequence.slot = slot;
      } else {
        this.#backlog.add(sequence);
      }
    }
    if (key !== undefined) this.#open.set(key, sequence);
    return sequence;
  }

  /** Lets a sequence take no more requests. */
  #close(sequence: Sequence): void {
    sequence.ended = true;
    if (sequence.key !== undefined && this.#open.get(sequence.key) === sequence) this.#open.delete(sequence.key);
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
    else signal.addEventListener("abort", () => this.#cancel(task), { once: true });
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
    let next = slot.current?.successor;
    while (next?.drained) next = next.successor;
    next ??= this.#fromBacklog(slot);
    slot.current = next;
    if (!next) this.#free.push(slot);
    else if (next.next()) this.#ready(slot, next);
  }

  #fromBacklog(slot: SequenceSlot): Sequence | undefined {
    for (let head = this.#backlog.shift(); head; head = this.#backlog.shift()) {
      for (let each: Sequence | undefined = head; each; each = each.successor) each.slot = slot;
      let next: Sequence | undefined = head;
      while (next?.drained) next = next.successor;
      if (next) return next;
    }
    return undefined;
  }

  /** A request that nobody waits for takes its whole sequence out of the queue. One that executes runs to its end. */
  #cancel(task: SequenceTask): void {
    if (task.state !== "queued") return;
    const { sequence } = task;
    this.#abandon(sequence, task);
    if (!sequence.drained) return;
    const { slot } = sequence;
    if (!slot) {
      // a successor that waits with it keeps its place
      if (sequence.head === sequence && !sequence.successor) this.#backlog.remove(sequence);
    } else if (slot.current === sequence) {
      this.#advance(slot);
      this.#run(this.#batchers[slot.batcher]);
    }
  }

  /** Ends a sequence, failing what is queued of it. */
  #abandon(sequence: Sequence, cancelled: SequenceTask): void {
    this.#failAll(sequence, "CANCELED", (task) => task === cancelled ? cancelledInQueue() : sequenceCancelled());
  }

  #timedOut(head: Sequence): void {
    for (let each: Sequence | undefined = head; each; each = each.successor) {
      this.#failAll(each, "REJECTED", sequenceTimedOut);
    }
  }

  #expired(sequence: Sequence): void {
    this.#departures.add(sequence.key!, "expired");
    this.#close(sequence);
    const slot = sequence.slot!;
    this.#advance(slot);
    this.#run(this.#batchers[slot.batcher]);
  }

  /** The worker of an instance is a new one: it knows nothing of the sequences that the old one had begun. */
  #restarted(index: number): void {
    const batcher = this.#batchers[index];
    for (const slot of batcher.slots) {
      const { current } = slot;
      if (!current?.begun || current.executing > 0) continue;
      if (current.key !== undefined && !current.ended) this.#departures.add(current.key, "lost");
      this.#idle.remove(current);
      this.#failAll(current, "OTHER", () => sequenceLost(current.id, this.options.modelName));
      this.#advance(slot);
    }
    this.#run(batcher);
  }

  #failAll(sequence: Sequence, reason: FailureReason, errorOf: (task: SequenceTask) => Status): void {
    this.#close(sequence);
    const now = this.#clock.now();
    for (let task = sequence.next(); task; task = sequence.next()) {
      sequence.take();
      task.state = "over";
      this.#queued--;
      this.#inFlight--;
      this.#statistics.requestFailed(now - task.request.receivedAt, reason);
      task.sink.finish(errorOf(task));
    }
  }

  /** Begins to execute once enough requests are queued: for tests of batching that need a full queue. */
  #considerRelease(): void {
    const { delayUntilQueued = 0, delayUntilBacklogged = 0 } = this.options;
    const backlogged = this.#backlog.countRequests();
    if (this.#queued - backlogged < delayUntilQueued || backlogged < delayUntilBacklogged) return;
    this.#held = false;
    for (const { slots } of this.#batchers) {
      for (const slot of slots) if (slot.current?.next()) this.#ready(slot, slot.current);
    }
    this.#runAll();
  }
}
