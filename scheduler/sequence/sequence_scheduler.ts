import type { ModelInstance } from "../../backends/backend.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { queueFull, serverStopping } from "../../core/errors/scheduler.ts";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { ModelStatistics } from "../../observability/statistics.ts";
import { type AfterTurn, TurnGate } from "../dynamic/turn_gate.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { SequenceConfig } from "./config.ts";
import { type SequenceKey, sequenceKey } from "./correlation.ts";
import { type RequestCounts, SequenceEndings } from "./endings.ts";
import type { HoldOptions } from "./hold.ts";
import { SequenceRegistry } from "./registry.ts";
import { type Sequence, type SequenceSlot, SequenceTask } from "./sequence.ts";
import { SlotRunner } from "./slot_runner.ts";
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
  readonly #registry: SequenceRegistry;
  readonly #runner: SlotRunner;
  readonly #idle: IdleWatch;
  readonly #endings: SequenceEndings;
  readonly #counts: RequestCounts = { queued: 0, inFlight: 0 };
  #arrivals = 0;
  /** No sequence begins any more. */
  #finishing = false;
  #stopping = false;
  readonly #gate: TurnGate | undefined;
  /** Requests that came in this turn and were left to its end. */
  #arrived: SequenceTask[] = [];

  constructor(private readonly options: SequenceSchedulerOptions) {
    const { config, instances, modelName, statistics, afterTurn } = options;
    const { iterative, stateful, maxIdleMicros } = config;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#statistics = statistics;
    this.#registry = new SequenceRegistry({ modelName, iterative, maxIdleMicros });
    this.#gate = afterTurn && new TurnGate(afterTurn, () => this.#endTurn());
    this.#idle = new IdleWatch(clock, maxIdleMicros / 1000, (sequence) => this.#endings.expired(sequence));
    this.#runner = new SlotRunner({
      config,
      instances,
      statistics,
      clock,
      context: {
        modelName,
        statistics,
        clock,
        iterative,
        stateful,
        onBegin: (task) => this.#onBegin(task),
        onOver: (rows, again) => this.#onOver(rows, again),
      },
      hold: options,
      onRestart: (batcher) => this.#endings.restarted(batcher),
      onTimeout: (head) => this.#endings.timedOut(head),
    });
    this.#endings = new SequenceEndings({
      modelName,
      statistics,
      clock,
      registry: this.#registry,
      runner: this.#runner,
      idle: this.#idle,
      counts: this.#counts,
    });
  }

  get inFlight(): number {
    return this.#counts.inFlight;
  }

  get pending(): number {
    return this.#counts.queued;
  }

  /** Sequences that have begun and not ended, those in the backlog included. */
  get sequences(): number {
    return this.#registry.size;
  }

  /** Sequences in the backlog; those that one id began one after the other count as one. */
  get waitingSequences(): number {
    return this.#runner.places.backlog.length;
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
    this.#counts.queued++;
    this.#counts.inFlight++;
    if (!sequence.slot && request.timeoutMicros > 0) {
      this.#runner.places.backlog.limit(sequence, now + request.timeoutMicros / 1000);
    }
    if (request.signal?.aborted) {
      this.#endings.cancel(task);
      return;
    }
    this.#runner.offer(task, this.#counts.queued);
    if (this.#gate?.arrived()) {
      this.#arrived.push(task);
      return;
    }
    if (sequence.slot) this.#runner.run(sequence.slot.batcher);
    this.#listen(task);
  }

  hurry(): void {
    this.#runner.hurry();
  }

  finishSequences(): void {
    this.#finishing = true;
  }

  endSequences(): void {
    this.#endings.closeAll();
  }

  stop(): void {
    this.#finishing = this.#stopping = true;
    this.hurry();
    if (this.#counts.inFlight === 0) this.#idle.close();
  }

  /** Why a request is not taken; what a client did wrong is not counted as a failure of the model. */
  #refusal(request: InferenceRequest, key: SequenceKey | undefined, running: Sequence | undefined): Status | undefined {
    const { modelName, maxQueueSize = DEFAULT_QUEUE_SIZE } = this.options;
    const mistake = this.#registry.mistakeIn(request, key);
    if (mistake) return mistake;
    const goesOn = running !== undefined && !request.sequenceStart;
    const refusal = this.#finishing && !goesOn
      ? serverStopping(modelName)
      : this.#counts.queued >= maxQueueSize
      ? queueFull(request.id, modelName, maxQueueSize, "--max-queue-size")
      : undefined;
    if (refusal) this.#statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
    return refusal;
  }

  /** A new sequence, with a place. @param previous the one of the same id that it ends. */
  #begin(request: InferenceRequest, key: SequenceKey | undefined, previous: Sequence | undefined): Sequence {
    const sequence = this.#registry.begin(request, key, previous);
    if (!previous) {
      this.#runner.places.place(sequence);
      return sequence;
    }
    this.options.warning?.(
      `sequence ${sequence.id} for model '${this.options.modelName}' has a conflict. The previous sequence did not end ` +
        `before this sequence start. Previous sequence will be terminated early.`,
    );
    this.#idle.remove(previous);
    this.#runner.places.follow(previous, sequence);
    return sequence;
  }

  /** Sees to what came in this turn of the event loop. */
  #endTurn(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (let i = 0; i < arrived.length; i++) {
      const { slot } = arrived[i].sequence;
      if (arrived[i].state === "queued" && slot) this.#runner.run(slot.batcher);
    }
    for (let i = 0; i < arrived.length; i++) this.#listen(arrived[i]);
  }

  #listen(task: SequenceTask): void {
    const { signal } = task.request;
    if (signal === undefined || task.state !== "queued") return;
    if (signal.aborted) this.#endings.cancel(task);
    else task.watch(() => this.#endings.cancel(task));
  }

  #onBegin({ sequence, shapeKey }: SequenceTask): void {
    this.#counts.queued--;
    if (this.options.config.growing) sequence.history = extended(sequence.history, shapeKey);
  }

  #onOver(rows: readonly (SequenceTask | undefined)[], again: readonly SequenceTask[]): void {
    const now = this.#clock.now();
    let batcher = 0; // the same for all rows
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (!task) continue;
      const { sequence } = task;
      const slot = sequence.slot!;
      batcher = slot.batcher;
      sequence.executing--;
      if (again.includes(task)) this.#reschedule(task);
      else this.#counts.inFlight--;
      this.#settle(slot, sequence, now);
    }
    if (this.#stopping && this.#counts.inFlight === 0) this.#idle.close();
    this.#runner.batchers[batcher].release();
    this.#runner.run(batcher);
  }

  /** What becomes of a slot whose sequence has just executed. */
  #settle(slot: SequenceSlot, sequence: Sequence, now: number): void {
    if (sequence.drained) this.#runner.advance(slot);
    else if (sequence.next()) this.#runner.ready(slot, sequence);
    else if (sequence.executing === 0) this.#idle.add(sequence, now);
  }

  #reschedule(task: SequenceTask): void {
    const { sequence, request } = task;
    task.state = "queued";
    task.offered = false;
    sequence.again = task;
    this.#counts.queued++;
    if (request.signal?.aborted) this.#endings.abandon(sequence, task);
    else this.#listen(task);
  }
}
