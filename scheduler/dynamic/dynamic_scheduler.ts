import { type Clock, systemClock } from "../../core/clock.ts";
import { cancelledInQueue, queueFull, queueTimeout, serverStopping } from "../../core/errors/scheduler.ts";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { FailureReason } from "../../observability/statistics.ts";
import { BatchExecution } from "../batch_execution.ts";
import type { SchedulerOptions } from "../default_scheduler.ts";
import { Fifo } from "../fifo.ts";
import { InstancePool, type InstanceSlot } from "../instance_pool.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import { Alarm } from "./alarm.ts";
import { Batch } from "./batch.ts";
import { type BatchingRules, formBatch, type OpenBatch, type WaitDecision } from "./form_batch.ts";
import { type PriorityOptions, PriorityQueue } from "./priority_queue.ts";
import { ResponseOrder } from "./response_order.ts";
import { QueuedTask } from "./task_list.ts";
import { type AfterTurn, TurnGate } from "./turn_gate.ts";

/** What a dynamic batcher is made from. */
export interface DynamicSchedulerOptions extends SchedulerOptions {
  readonly rules: BatchingRules;
  readonly priorities: PriorityOptions;
  /** Requests with different keys do not run together. */
  shapeKey(request: InferenceRequest): string;
  /** Responses leave in the order in which requests came. */
  readonly preserveOrdering: boolean;
  /**
   * Batches are formed ahead, while all instances are busy. Requests in them are past priorities and timeouts, so that
   * models that set such do without.
   */
  readonly prefetch: boolean;
  /** Nothing runs before so many requests are waiting for the first time. */
  readonly startAfter?: number;
  /** Lets requests of one turn of the event loop run together; without it each is looked at when it comes. */
  readonly afterTurn?: AfterTurn;
}

/** Batches formed ahead, for each instance. */
const PREFETCHED_PER_INSTANCE = 2;

const NEW_BATCH: OpenBatch = { rows: 0, shapeKey: "" };

/**
 * Triton's dynamic batcher: joins requests into batches as {@link formBatch} decides, and runs them on whichever instance
 * is free. Here are the queue, the timer and the instances; what is decided there does not depend on them.
 */
export class DynamicScheduler implements Scheduler {
  readonly #queue: PriorityQueue;
  readonly #pool: InstancePool;
  readonly #clock: Clock;
  readonly #order: ResponseOrder | undefined;
  readonly #gate: TurnGate | undefined;
  readonly #alarm: Alarm;
  /** Batches that wait for an instance. */
  readonly #waiting = new Fifo<Batch>();
  readonly #mostWaiting: number;
  readonly #maxQueueSize: number;
  /** Requests in batches that no instance has taken. */
  #batched = 0;
  /** The batch that grows. */
  #open: Batch | undefined;
  /** The instance that the batch to be formed is for, where batches are not formed ahead. */
  #chosen: InstanceSlot | undefined;
  /** What the last decision was, while it was to wait. */
  #wait: WaitDecision | undefined;
  #startAfter: number;
  /** Requests that came in this turn and whose cancellation is not listened to yet. */
  #arrived: QueuedTask[] = [];
  #inFlight = 0;
  /** No delay is waited for. */
  #hurrying = false;
  #stopping = false;
  #dispatching = false;

  constructor(private readonly options: DynamicSchedulerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#queue = new PriorityQueue(options.priorities);
    this.#pool = new InstancePool(options.instances, () => this.#dispatch());
    this.#order = options.preserveOrdering ? new ResponseOrder() : undefined;
    this.#gate = options.afterTurn && new TurnGate(options.afterTurn, () => this.#dispatchArrived());
    this.#alarm = new Alarm(this.#clock, options.afterTurn, () => this.#dispatch());
    this.#mostWaiting = PREFETCHED_PER_INSTANCE * options.instances.length;
    this.#maxQueueSize = options.maxQueueSize ?? DEFAULT_QUEUE_SIZE;
    this.#startAfter = options.startAfter ?? 0;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#queue.length + this.#batched;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink, since: number = this.#clock.now()): void {
    const { options } = this;
    if (this.#stopping) return this.#refuse(request, sink, serverStopping(options.modelName));
    if (this.#isFull(request)) {
      // What waits only for the end of the turn is not in the way.
      this.#dispatch();
      if (this.#isFull(request)) return this.#refuse(request, sink, this.#fullFor(request));
    }
    this.#inFlight++;
    const task = new QueuedTask(request, sink, since, options.shapeKey(request));
    this.#queue.push(task, since);
    this.#arrived.push(task);
    const { preferredSizes } = options.rules;
    const full = this.#queue.rows >= preferredSizes[preferredSizes.length - 1];
    if (!this.#gate?.arrived() || full) this.#dispatchArrived();
  }

  hurry(): void {
    this.#hurrying = true;
    this.#startAfter = 0;
    this.#dispatch();
  }

  stop(): void {
    this.#stopping = true;
    this.hurry();
  }

  /** True if there is no room for a request: at its level where that has a limit of its own, else in the whole model. */
  #isFull({ priority }: InferenceRequest): boolean {
    const own = this.#queue.limitOf(priority);
    return own === undefined ? this.pending >= this.#maxQueueSize : this.#queue.lengthAt(priority) >= own;
  }

  #fullFor({ id, priority }: InferenceRequest): Status {
    const { modelName } = this.options;
    const own = this.#queue.limitOf(priority);
    return own === undefined
      ? queueFull(id, modelName, this.#maxQueueSize, "--max-queue-size")
      : queueFull(id, modelName, own, "max_queue_size");
  }

  #refuse(request: InferenceRequest, sink: ResponseSink, error: Status): void {
    this.options.statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
    refuse(sink, error);
  }

  /** Dispatches, and sees to the requests that have to wait all the same. */
  #dispatchArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    if (this.#isNews(arrived)) this.#dispatch();
    for (let i = 0; i < arrived.length; i++) this.#listen(arrived[i]);
  }

  /** False if these requests change nothing about the decision to wait. */
  #isNews(arrived: readonly QueuedTask[]): boolean {
    const wait = this.#wait;
    if (wait === undefined || this.#queue.rows >= wait.rows || this.#queue.nextDeadline < wait.until) return true;
    return arrived.some(({ shapeKey }) => shapeKey !== wait.shapeKey);
  }

  #listen(task: QueuedTask): void {
    if (task.request.signal === undefined || task.state !== "queued") return;
    if (task.request.signal.aborted) this.#cancel(task);
    else task.watch(() => this.#cancel(task));
  }

  #dispatch(): void {
    // An execution may end, and come back here, before `execute` returns: the loop below goes on with what is left then.
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (;;) {
      const now = this.#clock.now();
      this.#expire(now);
      if (!this.#handOver(now) && !this.#form(now)) break;
    }
    this.#dispatching = false;
    if (this.pending === 0) this.#pool.withdraw();
    const next = Math.min(this.#wait?.until ?? Infinity, this.#queue.nextDeadline);
    if (next === Infinity && this.#stopping) this.#alarm.clear();
    else this.#alarm.set(next);
  }

  /** Rejects or delays the requests whose time is up. */
  #expire(now: number): void {
    for (let task = this.#queue.expireOne(now); task !== undefined; task = this.#queue.expireOne(now)) {
      if (task !== "delayed") this.#fail(task, "REJECTED", queueTimeout(this.options.modelName, now - task.enqueuedAt));
    }
  }

  /** Gives the first waiting batch to an instance. @returns false if there is none, or no instance has room. */
  #handOver(now: number): boolean {
    const waiting = this.#waiting;
    while (waiting.peek()?.rows === 0) this.#drop(waiting.shift()!);
    const batch = waiting.peek();
    if (batch === undefined) {
      // The batch that it was chosen for has been cancelled; until there is another it may go to somebody else.
      this.#chosen = undefined;
      return false;
    }
    const slot = this.#chosen ?? this.#pool.choose();
    if (slot === undefined) return false;
    this.#chosen = undefined;
    waiting.shift();
    this.#merge(batch, now);
    this.#drop(batch);
    this.#withdrawAborted(batch);
    if (batch.rows > 0) this.#start(batch, slot);
    return true;
  }

  /** Sees to what came in this turn: of the others' cancellation it has been told. */
  #withdrawAborted(batch: Batch): void {
    for (let i = 0; i < batch.tasks.length; i++) {
      if (!batch.tasks[i].request.signal?.aborted) continue;
      this.#withdraw(batch.tasks[i]);
      // Who is told so may have others cancelled: they are looked at once more.
      i = -1;
    }
  }

  /** Adds batches that have waited as long as they must, while there is room. */
  #merge(batch: Batch, now: number): void {
    const { maxBatchSize, delayMs } = this.options.rules;
    if (delayMs === 0) return;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (batch.sealed || next.sealed || now - next.since <= delayMs || next.shapeKey !== batch.shapeKey) return;
      if (batch.rows + next.rows > maxBatchSize) return;
      this.#waiting.shift();
      this.#drop(next);
      batch.merge(next);
      batch.reason = batch.rows === maxBatchSize ? "full" : next.reason;
    }
  }

  /** A batch that does not wait any more does not grow either. */
  #drop(batch: Batch): void {
    if (this.#open === batch) this.#open = undefined;
  }

  #start(batch: Batch, slot: InstanceSlot): void {
    const { tasks } = batch;
    const { statistics } = this.options;
    // What fails before it executes keeps nobody waiting, nor does it wait for others.
    if (this.#order) { for (let i = 0; i < tasks.length; i++) tasks[i].sink = this.#order.wrap(tasks[i].sink); }
    this.#batched -= tasks.length;
    statistics.batchClosed(batch.reason);
    new BatchExecution(tasks, slot, statistics, this.#clock, this.#onOver).start();
  }

  /** Moves requests from the queue into a batch. @returns false if there is nothing to do now. */
  #form(now: number): boolean {
    const queue = this.#queue;
    this.#wait = undefined;
    if (queue.length === 0 || queue.length < this.#startAfter) return false;
    this.#startAfter = 0;
    if (this.#open?.saturated) this.#open = undefined;
    if (this.#open === undefined && !this.#hasSlot()) return false;
    const decision = formBatch(queue.walk(), this.#open ?? NEW_BATCH, now, this.options.rules, this.#hurrying);
    if (decision.kind === "wait") {
      this.#chosen = undefined;
      this.#wait = decision;
      return false;
    }
    const batch = this.#open ??= new Batch();
    for (let i = 0; i < decision.count; i++) {
      const task = queue.peek()!;
      queue.remove(task);
      batch.add(task);
    }
    this.#batched += decision.count;
    batch.reason = decision.reason;
    batch.saturated = decision.saturate;
    batch.sealed = decision.sealed;
    if (!batch.queued) {
      batch.queued = true;
      this.#waiting.push(batch);
    }
    return true;
  }

  /** True if another batch may be begun. */
  #hasSlot(): boolean {
    if (this.options.prefetch) return this.#waiting.length < this.#mostWaiting;
    return this.#waiting.length === 0 && (this.#chosen ??= this.#pool.choose()) !== undefined;
  }

  /** Takes a request that nobody waits for out of the queue; one that executes already runs to its end. */
  #cancel(task: QueuedTask): void {
    if (task.state !== "queued") return;
    this.#withdraw(task);
    this.#dispatch();
  }

  #withdraw(task: QueuedTask): void {
    if (task.batch) {
      task.batch.cancel(task);
      this.#batched--;
    } else this.#queue.remove(task);
    this.#fail(task, "CANCELED", cancelledInQueue());
  }

  /** Ends a request that has left the queue. */
  #fail(task: QueuedTask, reason: FailureReason, error: Status): void {
    task.state = "over";
    this.#inFlight--;
    this.options.statistics.requestFailed(this.#clock.now() - task.request.receivedAt, reason);
    task.sink.finish(error);
  }

  readonly #onOver = (execution: BatchExecution): void => {
    this.#inFlight -= execution.tasks.length;
    this.#dispatch();
  };
}
