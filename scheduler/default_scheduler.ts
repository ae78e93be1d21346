import type { Execution, ExecutionTiming, ModelInstance } from "../backends/backend.ts";
import type { InferenceRequest, InferenceResponse, ResponseSink } from "../core/inference.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { cancelledInQueue, serverStopping } from "../core/errors/scheduler.ts";
import { Status } from "../core/status.ts";
import type { FailureReason, ModelStatistics } from "../observability/statistics.ts";
import { Fifo } from "./fifo.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a default scheduler is made from. */
export interface DefaultSchedulerOptions {
  readonly modelName: string;
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock?: Clock;
}

/** How busy an instance is, as {@link chooseInstance} sees it. */
export interface Slot {
  readonly available: boolean;
  readonly passive: boolean;
  readonly capacity: number;
  readonly executing: number;
}

/**
 * The instance that takes the next request: the least busy one that still has room; -1 if none has.
 *
 * @param first where to begin looking, so that equally busy instances take turns.
 */
export function chooseInstance(slots: readonly Slot[], first: number): number {
  let chosen = -1;
  let least = Infinity;
  for (let i = 0; i < slots.length; i++) {
    const index = (first + i) % slots.length;
    const { available, passive, executing, capacity } = slots[index];
    if (available && !passive && executing < capacity && executing < least) {
      chosen = index;
      least = executing;
      if (least === 0) break;
    }
  }
  return chosen;
}

/** The scheduler of models that do not batch: each request runs alone, first come, first served, on whichever instance is free. */
export class DefaultScheduler implements Scheduler {
  readonly #queue = new Fifo<Task>();
  readonly #slots: InstanceSlot[];
  readonly #clock: Clock;
  #next = 0;
  #stopping = false;
  #inFlight = 0;
  /** Cancelled requests that are still in the queue. */
  #cancelled = 0;

  constructor(private readonly options: DefaultSchedulerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#slots = options.instances.map((instance) => new InstanceSlot(instance));
    for (const instance of options.instances) instance.onAvailable = () => this.#dispatch();
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#queue.length - this.#cancelled;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink): void {
    const { options } = this;
    const now = this.#clock.now();
    if (this.#stopping) {
      options.statistics.requestFailed(now - request.receivedAt, "REJECTED");
      sink.finish(serverStopping(options.modelName));
      return;
    }
    this.#inFlight++;
    const task = new Task(this, request, sink, now);
    if (this.#queue.length === 0 && this.#start(task)) return;
    this.#queue.push(task);
    request.signal?.addEventListener("abort", () => this.#cancel(task), { once: true });
  }

  stop(): void {
    this.#stopping = true;
  }

  #start(task: Task): boolean {
    const chosen = chooseInstance(this.#slots, this.#next);
    if (chosen < 0) return false;
    this.#next = (chosen + 1) % this.#slots.length;
    const slot = this.#slots[chosen];
    slot.executing++;
    task.begin(slot, this.#clock.now());
    slot.instance.execute(task);
    return true;
  }

  #dispatch(): void {
    for (let task = this.#queue.peek(); task; task = this.#queue.peek()) {
      if (task.over) {
        this.#queue.shift();
        this.#cancelled--;
      } else if (this.#start(task)) this.#queue.shift();
      else return;
    }
  }

  /** Takes a request that nobody waits for out of the queue; one that executes already runs to its end. */
  #cancel(task: Task): void {
    if (task.started || task.over) return;
    task.over = true;
    this.#inFlight--;
    this.#cancelled++;
    this.options.statistics.requestFailed(this.#clock.now() - task.request.receivedAt, "CANCELED");
    task.sink.finish(cancelledInQueue());
    if (this.#queue.peek() === task) this.#dispatch();
  }

  /** @internal Called by a task when its execution is over. */
  finished(task: Task, timing: ExecutionTiming, error: Status | undefined): void {
    const { statistics } = this.options;
    const now = this.#clock.now();
    this.#inFlight--;
    task.slot!.executing--;
    if (error) {
      statistics.requestFailed(now - task.request.receivedAt, reasonOf(error));
    } else {
      const { batchSize, receivedAt } = task.request;
      statistics.requestSucceeded(batchSize, now - receivedAt, task.startedAt - task.enqueuedAt, timing);
      statistics.executed(batchSize, timing);
    }
    if (this.#queue.length > 0) this.#dispatch();
    task.sink.finish(error);
  }
}

function reasonOf(error: Status): FailureReason {
  return error.code === "CANCELLED" ? "CANCELED" : error.code === "UNAVAILABLE" ? "OTHER" : "BACKEND";
}

class InstanceSlot implements Slot {
  executing = 0;
  constructor(readonly instance: ModelInstance) {}
  get available(): boolean {
    return this.instance.available;
  }
  get passive(): boolean {
    return this.instance.passive;
  }
  get capacity(): number {
    return this.instance.capacity;
  }
}

/** One request on its way: what waits in the queue, and the execution of that one request. */
class Task implements Execution {
  over = false;
  started = false;
  startedAt = 0;
  slot: InstanceSlot | undefined = undefined;
  readonly requests: readonly InferenceRequest[];

  constructor(
    private readonly scheduler: DefaultScheduler,
    readonly request: InferenceRequest,
    readonly sink: ResponseSink,
    readonly enqueuedAt: number,
  ) {
    this.requests = [request];
  }

  begin(slot: InstanceSlot, now: number): void {
    this.slot = slot;
    this.started = true;
    this.startedAt = now;
  }

  respond(_index: number, response: InferenceResponse): void {
    if (!this.over) this.sink.respond(response);
  }

  fail(_index: number, error: Status): void {
    this.#failed = error;
  }

  finish(timing: ExecutionTiming, error?: Status): void {
    if (this.over) return;
    this.over = true;
    this.scheduler.finished(this, timing, error ?? this.#failed);
  }

  #failed: Status | undefined = undefined;
}
