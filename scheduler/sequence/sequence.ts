import type { CorrelationId, InferenceRequest, ResponseSink } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { ResponseCounter } from "../../observability/response_statistics.ts";
import { Fifo } from "../fifo.ts";
import { Task } from "../task.ts";
import type { SequenceKey } from "./correlation.ts";

/** One request of a sequence. */
export class SequenceTask extends Task {
  /** Executions of it that are over: more than none only in an iterative sequence. */
  passes = 0;
  /** A strategy was told of it. */
  offered = false;
  /** Counts its responses, where they are counted. */
  responses: ResponseCounter | undefined;
  /** Milliseconds of those executions. */
  inputMs = 0;
  inferMs = 0;
  outputMs = 0;

  constructor(
    request: InferenceRequest,
    sink: ResponseSink,
    enqueuedAt: number,
    readonly sequence: Sequence,
    /** The first request of its sequence. */
    readonly first: boolean,
    /** Position among all requests of the scheduler. */
    readonly arrival: number,
  ) {
    super(request, sink, enqueuedAt);
  }

  /** True in the execution that the model is to see as the beginning of the sequence. */
  get starts(): boolean {
    return this.first && this.passes === 0;
  }

  get ends(): boolean {
    return this.request.sequenceEnd;
  }
}

/** Requests of one id from a START up to an END, the next START, or the end of patience. */
export class Sequence {
  readonly queue = new Fifo<SequenceTask>();
  /** The request that is to be executed again, before all others. */
  again: SequenceTask | undefined;
  /** Where it runs; undefined while it waits for a slot. */
  slot: SequenceSlot | undefined;
  /** Requests of it that execute. */
  executing = 0;
  /** No request will follow those in the queue. */
  ended = false;
  /** An execution of it has begun: a worker holds its state. */
  begun = false;
  /** The sequence that began with the same id before this one had ended, and follows it in its place. */
  successor: Sequence | undefined;
  /** The sequence that waits, or did, in the backlog with this one behind it: itself in most cases. */
  readonly head: Sequence;
  /** Of a {@link head}: sequences in its place that have something to do. */
  chain = 1;
  /** Of a {@link head}: `Clock.now()` when it leaves the backlog, Infinity without a timeout. */
  deadline = Infinity;
  /** `Clock.now()` since when it has nothing to do. */
  idleSince = 0;
  /** Stands for the shapes of the requests executed so far, where those may have shaped its state; else 0. */
  history = 0;
  /** Value of the CORRID control, once it was needed. */
  correlation: Tensor | undefined;

  /**
   * @param key undefined for an id that the server invented.
   * @param previous the sequence of the same id that this one ends.
   */
  constructor(readonly id: CorrelationId, readonly key: SequenceKey | undefined, previous?: Sequence) {
    this.head = previous?.head ?? this;
  }

  /** The request to execute next. */
  next(): SequenceTask | undefined {
    return this.again ?? this.queue.peek();
  }

  /** Takes {@link next} out. */
  take(): void {
    if (this.again) this.again = undefined;
    else this.queue.shift();
  }

  /** Nothing is left to do, and nothing will come. */
  get drained(): boolean {
    return this.ended && this.executing === 0 && this.next() === undefined;
  }
}

/** A place for one sequence on one instance: the row of its batch with the direct strategy. */
export class SequenceSlot {
  current: Sequence | undefined;

  /** @param batcher position of the instance among those of the scheduler. @param index position in the instance. */
  constructor(readonly batcher: number, readonly index: number) {}
}
