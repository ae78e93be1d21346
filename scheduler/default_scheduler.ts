import type { ModelInstance } from "../backends/backend.ts";
import type { InferenceRequest, ResponseSink } from "../core/inference.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { cancelledInQueue, queueFull, serverStopping } from "../core/errors/scheduler.ts";
import { refuse } from "../core/responses.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import { BatchExecution } from "./batch_execution.ts";
import { Fifo } from "./fifo.ts";
import { InstancePool, type InstanceSlot } from "./instance_pool.ts";
import { DEFAULT_QUEUE_SIZE } from "./limits.ts";
import type { Scheduler } from "./scheduler.ts";
import { Task } from "./task.ts";

/** What a scheduler is made from. */
export interface SchedulerOptions {
  readonly modelName: string;
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock?: Clock;
  /** Requests that may wait, Infinity for any number; default {@link DEFAULT_QUEUE_SIZE}. */
  readonly maxQueueSize?: number;
}

/**
 * The scheduler of models that do not batch: each request runs alone, first come, first served, on whichever instance is
 * free.
 */
export class DefaultScheduler implements Scheduler {
  readonly #queue = new Fifo<Task>();
  readonly #pool: InstancePool;
  readonly #clock: Clock;
  #stopping = false;
  #inFlight = 0;
  #dispatching = false;
  /** Cancelled requests that are still in the queue. */
  #cancelled = 0;

  constructor(private readonly options: SchedulerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#pool = new InstancePool(options.instances, () => this.#dispatch());
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#queue.length - this.#cancelled;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink, since?: number): void {
    const { options } = this;
    const now = this.#clock.now();
    if (this.#stopping) {
      options.statistics.requestFailed(now - request.receivedAt, "REJECTED");
      refuse(sink, serverStopping(options.modelName));
      return;
    }
    const limit = options.maxQueueSize ?? DEFAULT_QUEUE_SIZE;
    if (this.pending >= limit) {
      options.statistics.requestFailed(now - request.receivedAt, "REJECTED");
      refuse(sink, queueFull(request.id, options.modelName, limit, "--max-queue-size"));
      return;
    }
    if (request.signal?.aborted) {
      options.statistics.requestFailed(now - request.receivedAt, "CANCELED");
      sink.finish(cancelledInQueue());
      return;
    }
    this.#inFlight++;
    const task = new Task(request, sink, since ?? now);
    const slot = this.#queue.length === 0 ? this.#pool.choose() : undefined;
    if (slot) {
      this.#start(task, slot);
      return;
    }
    this.#queue.push(task);
    task.watch(() => this.#cancel(task));
  }

  stop(): void {
    this.#stopping = true;
  }

  #start(task: Task, slot: InstanceSlot): void {
    new BatchExecution([task], slot, this.options.statistics, this.#clock, this.#onOver).start();
  }

  #dispatch(): void {
    // An execution may end, and come back here, before `execute` returns: the loop below goes on with what is left then.
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (let task = this.#queue.peek(); task; task = this.#queue.peek()) {
      if (task.state === "over") {
        this.#queue.shift();
        this.#cancelled--;
        continue;
      }
      const slot = this.#pool.choose();
      if (!slot) break;
      this.#queue.shift();
      this.#start(task, slot);
    }
    this.#dispatching = false;
  }

  /** Takes a request that nobody waits for out of the queue; one that executes already runs to its end. */
  #cancel(task: Task): void {
    if (task.state !== "queued") return;
    task.state = "over";
    this.#inFlight--;
    this.#cancelled++;
    if (this.#queue.mostlyGone(this.#cancelled)) {
      this.#queue.keep(({ state }) => state === "queued");
      this.#cancelled = 0;
    }
    this.options.statistics.requestFailed(this.#clock.now() - task.request.receivedAt, "CANCELED");
    task.sink.finish(cancelledInQueue());
    if (this.#queue.peek() === task) this.#dispatch();
    if (this.pending === 0) this.#pool.withdraw();
  }

  readonly #onOver = (): void => {
    this.#inFlight--;
    if (this.#queue.length > 0) this.#dispatch();
  };
}
