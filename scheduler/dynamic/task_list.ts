import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { Task } from "../task.ts";
import type { Batch } from "./batch.ts";

/** A task that knows its place in a queue, so that it can leave from the middle. */
export class QueuedTask extends Task {
  /** Its place among the requests of its queue, in the order in which they came. */
  arrival = 0;
  /** The list it is in; undefined while it is in none. */
  list: TaskList | undefined = undefined;
  previous: QueuedTask | undefined = undefined;
  following: QueuedTask | undefined = undefined;
  /** The batch it has joined; undefined while it is in the queue. */
  batch: Batch | undefined = undefined;

  constructor(request: InferenceRequest, sink: ResponseSink, enqueuedAt: number, shapeKey: string) {
    super(request, sink, enqueuedAt);
    this.shapeKey = shapeKey;
  }
}

/** Tasks in order; every operation takes the same time however many there are. */
export class TaskList {
  #first: QueuedTask | undefined;
  #last: QueuedTask | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): QueuedTask | undefined {
    return this.#first;
  }

  /** Puts a task that is in no list at the end. */
  push(task: QueuedTask): void {
    task.list = this;
    task.previous = this.#last;
    if (this.#last) this.#last.following = task;
    else this.#first = task;
    this.#last = task;
    this.#length++;
  }

  /** Takes a task of this list out of it. */
  remove(task: QueuedTask): void {
    const { previous, following } = task;
    if (previous) previous.following = following;
    else this.#first = following;
    if (following) following.previous = previous;
    else this.#last = previous;
    task.list = task.previous = task.following = undefined;
    this.#length--;
  }
}
