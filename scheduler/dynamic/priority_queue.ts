import { Heap } from "../heap.ts";
import type { Walk } from "./form_batch.ts";
import { PolicyQueue, type QueuePolicy } from "./policy_queue.ts";
import type { QueuedTask } from "./task_list.ts";

/** `priority_levels` and the policies that go with them. */
export interface PriorityOptions {
  /** 0 or 1 for none. */
  readonly levels: number;
  /** For requests that name none of them. */
  readonly defaultLevel: number;
  readonly defaultPolicy: QueuePolicy;
  /** By level, where it is not {@link defaultPolicy}. */
  readonly policies: ReadonlyMap<number, QueuePolicy>;
}

/** Heaps smaller than this are never tidied. */
const SMALL_HEAP = 64;

/**
 * The waiting requests of a model, by priority level, lower first; within a level first come, first served. What an
 * operation costs does not grow with the number of requests, but for the logarithm where they have timeouts.
 */
export class PriorityQueue {
  /** Levels that had requests, ascending: there may be more levels than anybody uses. */
  readonly #levels: { readonly level: number; readonly queue: PolicyQueue }[] = [];
  /** Requests with a deadline. One that has left the queue stays until it is found. */
  #timed: Heap<QueuedTask> = new Heap(sooner);
  #timedLength = 0;
  #length = 0;
  #arrivals = 0;
  #rows = 0;

  constructor(private readonly options: PriorityOptions) {
    this.#queueOf(levelOf(0, options));
  }

  /** Requests in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Rows of all requests in the queue. */
  get rows(): number {
    return this.#rows;
  }

  /** Requests held for their deadlines, those included that have left the queue. */
  get deadlinesKept(): number {
    return this.#timed.length;
  }

  /** The soonest deadline; Infinity if there is none. */
  get nextDeadline(): number {
    return this.#peekTimed()?.deadline ?? Infinity;
  }

  /** How many requests may wait at the level of this priority; undefined where its policy does not say. */
  limitOf(priority: number): number | undefined {
    return this.#queueOf(levelOf(priority, this.options)).policy.maxQueueSize;
  }

  /** Requests that wait at the level of this priority. */
  lengthAt(priority: number): number {
    return this.#queueOf(levelOf(priority, this.options)).length;
  }

  /** Adds a request, with its level and its deadline. @param since when it began to wait. */
  push(task: QueuedTask, since: number): void {
    task.level = levelOf(task.request.priority, this.options);
    const queue = this.#queueOf(task.level);
    task.deadline = queue.deadlineOf(since, task.request.timeoutMicros);
    task.arrival = this.#arrivals++;
    queue.inTime.push(task);
    this.#length++;
    this.#rows += task.rows;
    if (task.deadline !== Infinity) this.#pushTimed(task);
  }

  /** Takes a request of this queue out of it. */
  remove(task: QueuedTask): void {
    task.list!.remove(task);
    if (task.deadline !== Infinity) this.#untimed();
    this.#length--;
    this.#rows -= task.rows;
  }

  /**
   * Applies the policies to one request whose time is up.
   *
   * @returns the request if it is to be rejected: it has left the queue. `"delayed"` if it was put behind the others.
   *   Undefined if every request is in time.
   */
  expireOne(now: number): QueuedTask | "delayed" | undefined {
    const task = this.#peekTimed();
    if (task === undefined || task.deadline > now) return undefined;
    const queue = this.#queueOf(task.level);
    if (queue.policy.timeoutAction === "DELAY") {
      queue.delay(task);
      this.#untimed();
      return "delayed";
    }
    this.remove(task);
    return task;
  }

  /** The first request to run. */
  peek(): QueuedTask | undefined {
    for (let i = 0; i < this.#levels.length; i++) {
      const { queue } = this.#levels[i];
      const first = queue.inTime.first ?? queue.delayed.first;
      if (first) return first;
    }
    return undefined;
  }

  /** All requests in the order in which they are to run. The queue must not change while it is walked. */
  walk(): Walk<QueuedTask> {
    return new QueueWalk(this.#levels);
  }

  #queueOf(level: number): PolicyQueue {
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#levels[middle].level < level) low = middle + 1;
      else high = middle;
    }
    const found = this.#levels[low];
    if (found !== undefined && found.level === level) return found.queue;
    const queue = new PolicyQueue(this.options.policies.get(level) ?? this.options.defaultPolicy);
    this.#levels.splice(low, 0, { level, queue });
    return queue;
  }

  #pushTimed(task: QueuedTask): void {
    this.#timedLength++;
    this.#timed.push(task);
    // At least half of a heap is waiting, so that tidying costs each request that comes no more than a few steps.
    if (this.#timed.length <= SMALL_HEAP || this.#timed.length <= 2 * this.#timedLength) return;
    const heap = new Heap<QueuedTask>(sooner);
    for (let each = this.#timed.pop(); each !== undefined; each = this.#timed.pop()) if (isTimed(each)) heap.push(each);
    this.#timed = heap;
  }

  /** One that had a deadline has left, or has none any more. */
  #untimed(): void {
    if (--this.#timedLength === 0) this.#timed.clear();
  }

  #peekTimed(): QueuedTask | undefined {
    for (let task = this.#timed.peek(); task !== undefined; task = this.#timed.peek()) {
      if (isTimed(task)) return task;
      this.#timed.pop();
    }
    return undefined;
  }
}

/** Goes through the levels, in each through the requests in time, then through the delayed ones. */
class QueueWalk implements Walk<QueuedTask> {
  #at = -1;
  #delayed = true;
  #task: QueuedTask | undefined;

  constructor(private readonly levels: readonly { readonly queue: PolicyQueue }[]) {}

  next(): QueuedTask | undefined {
    let task = this.#task?.following;
    while (task === undefined) {
      if (this.#delayed) {
        if (++this.#at >= this.levels.length) break;
        task = this.levels[this.#at].queue.inTime.first;
      } else task = this.levels[this.#at].queue.delayed.first;
      this.#delayed = !this.#delayed;
    }
    this.#task = task;
    return task;
  }
}

function sooner(a: QueuedTask, b: QueuedTask): boolean {
  return a.deadline < b.deadline || a.deadline === b.deadline && a.arrival < b.arrival;
}

/** True while a request waits in the queue with its deadline before it. */
function isTimed(task: QueuedTask): boolean {
  return task.list !== undefined && task.deadline !== Infinity;
}

/** The level of a request: what it asks for where there is such a level, else the default. */
function levelOf(priority: number, { levels, defaultLevel }: PriorityOptions): number {
  return priority >= 1 && priority <= levels ? priority : defaultLevel;
}
