import type { Execution, ExecutionTiming, SequenceRow } from "../../backends/backend.ts";
import type { Clock } from "../../core/clock.ts";
import { rescheduleNotIterative } from "../../core/errors/sequence.ts";
import type { InferenceRequest, InferenceResponse } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { ResponseCounter } from "../../observability/response_statistics.ts";
import type { ModelStatistics } from "../../observability/statistics.ts";
import type { SequenceTask } from "./sequence.ts";

/** What executions of one scheduler have in common. */
export interface ExecutionContext {
  readonly modelName: string;
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
  /** Requests may be executed more than once. */
  readonly iterative: boolean;
  /** Instances keep states: they are told which row belongs to which. */
  readonly stateful: boolean;
  /** Called when a request is about to be executed. */
  onBegin(task: SequenceTask): void;
  /**
   * Called when an execution is over and its instance is free, before requests are finished, so that the next one begins
   * first.
   *
   * @param again requests that are to be executed once more; the others are over.
   */
  onOver(rows: readonly (SequenceTask | undefined)[], again: readonly SequenceTask[]): void;
}

/** Requests of different sequences that run together on one instance, and empty rows. */
export class SequenceExecution implements Execution {
  readonly sequences: readonly (SequenceRow | undefined)[] | undefined;
  #failures: (Status | undefined)[] | undefined;
  #again: boolean[] | undefined;
  #over = false;

  /** @param requests one for each row, empty ones included. */
  constructor(
    private readonly rows: readonly (SequenceTask | undefined)[],
    readonly requests: readonly InferenceRequest[],
    private readonly context: ExecutionContext,
  ) {
    const now = context.clock.now();
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (!task) continue;
      task.state = "executing";
      task.unwatch();
      if (task.passes === 0) task.startedAt = now;
    }
    this.sequences = context.stateful ? rows.map((task) => task && stateRow(task)) : undefined;
  }

  respond(index: number, response: InferenceResponse): void {
    const task = this.rows[index];
    if (this.#over || !task) return;
    const { clock } = this.context;
    this.#counterOf(task)?.responded(clock.now());
    task.sink.respond(response);
  }

  backpressure(index: number): Promise<void> | undefined {
    return this.rows[index]?.sink.backpressure?.();
  }

  fail(index: number, error: Status): void {
    this.#failures ??= [];
    this.#failures[index] ??= error;
  }

  reschedule(index: number): void {
    if (!this.context.iterative) return this.fail(index, rescheduleNotIterative(this.context.modelName));
    this.#again ??= [];
    this.#again[index] = true;
  }

  finish(timing: ExecutionTiming, error?: Status): void {
    if (this.#over) return;
    this.#over = true;
    const { rows, context } = this;
    const now = context.clock.now();
    if (!error) context.statistics.executed(rows.length, timing);
    const again: SequenceTask[] = [];
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (!task) continue;
      task.passes++;
      task.inputMs += timing.inputMs;
      task.inferMs += timing.inferMs;
      task.outputMs += timing.outputMs;
      const failure = error ?? this.#failures?.[i];
      if (!failure && this.#again?.[i]) {
        again.push(task);
        continue;
      }
      task.state = "over";
      this.#count(task, now, failure);
    }
    context.onOver(rows, again);
    for (let i = 0; i < rows.length; i++) {
      // by mark, not by state: the next execution of a request may be over by now
      if (!again.includes(rows[i]!)) rows[i]?.sink.finish(error ?? this.#failures?.[i]);
    }
  }

  /** Counts the responses to a request, where they are counted. */
  #counterOf(task: SequenceTask): ResponseCounter | undefined {
    const { responses } = this.context.statistics;
    return responses && (task.responses ??= new ResponseCounter(responses, task.startedAt));
  }

  #count(task: SequenceTask, now: number, failure: Status | undefined): void {
    const { statistics } = this.context;
    const totalMs = now - task.request.receivedAt;
    const how = failure === undefined ? "success" : failure.code === "CANCELLED" ? "cancel" : "fail";
    this.#counterOf(task)?.ended(now, how);
    if (failure) {
      statistics.requestFailed(totalMs, failure.code === "CANCELLED" ? "CANCELED" : "BACKEND");
      return;
    }
    const queueMs = task.startedAt - task.enqueuedAt;
    statistics.requestSucceeded(task.rows, totalMs, queueMs, task);
    task.request.spent?.add(queueMs, task);
  }
}

function stateRow(task: SequenceTask): SequenceRow {
  return { slot: task.sequence.slot!.index, start: task.starts, end: task.ends };
}
