import type { Execution, ExecutionTiming } from "../backends/backend.ts";
import type { InferenceRequest, InferenceResponse } from "../core/inference.ts";
import type { Clock } from "../core/clock.ts";
import type { Status } from "../core/status.ts";
import { ResponseCounter, type ResponseStatistics } from "../observability/response_statistics.ts";
import type { FailureReason, ModelStatistics } from "../observability/statistics.ts";
import type { InstanceSlot } from "./instance_pool.ts";
import type { Task } from "./task.ts";

/**
 * Tasks that run together on one instance: hands responses on as they come, and when all is over counts what the
 * statistics extension counts, frees the instance and finishes the requests.
 */
export class BatchExecution implements Execution {
  readonly requests: readonly InferenceRequest[];
  /** Rows of all tasks together. */
  readonly rows: number;
  #failures: (Status | undefined)[] | undefined;
  /** Of the responses to each task, where they are counted. */
  #counters: ResponseCounter[] | undefined;
  #over = false;

  /** @param onOver called before the requests are finished, so that the next execution begins first. */
  constructor(
    readonly tasks: readonly Task[],
    private readonly slot: InstanceSlot,
    private readonly statistics: ModelStatistics,
    private readonly clock: Clock,
    private readonly onOver: (execution: BatchExecution) => void,
  ) {
    if (tasks.length === 1) {
      this.requests = [tasks[0].request];
      this.rows = tasks[0].rows;
    } else {
      this.requests = tasks.map((task) => task.request);
      this.rows = tasks.reduce((sum, task) => sum + task.rows, 0);
    }
  }

  /** Hands itself to its instance. */
  start(): void {
    const now = this.clock.now();
    for (let i = 0; i < this.tasks.length; i++) {
      const task = this.tasks[i];
      task.state = "executing";
      task.startedAt = now;
      task.unwatch();
    }
    this.slot.execute(this);
  }

  respond(index: number, response: InferenceResponse): void {
    if (this.#over) return;
    if (this.statistics.responses) this.#counterOf(index, this.statistics.responses).responded(this.clock.now());
    this.tasks[index].sink.respond(response);
  }

  backpressure(index: number): Promise<void> | undefined {
    return this.tasks[index].sink.backpressure?.();
  }

  fail(index: number, error: Status): void {
    this.#failures ??= [];
    this.#failures[index] ??= error;
  }

  finish(timing: ExecutionTiming, error?: Status): void {
    if (this.#over) return;
    this.#over = true;
    this.slot.release();
    const { statistics, tasks } = this;
    const now = this.clock.now();
    if (!error) statistics.executed(this.rows, timing);
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i];
      const failure = error ?? this.#failures?.[i];
      const totalMs = now - task.request.receivedAt;
      task.state = "over";
      if (statistics.responses) {
        const how = failure === undefined ? "success" : failure.code === "CANCELLED" ? "cancel" : "fail";
        this.#counterOf(i, statistics.responses).ended(now, how);
      }
      if (failure) statistics.requestFailed(totalMs, failureReason(failure));
      else {
        const queueMs = task.startedAt - task.enqueuedAt;
        statistics.requestSucceeded(task.rows, totalMs, queueMs, timing);
        task.request.spent?.add(queueMs, timing);
      }
    }
    this.onOver(this);
    for (let i = 0; i < tasks.length; i++) tasks[i].sink.finish(error ?? this.#failures?.[i]);
  }

  #counterOf(index: number, statistics: ResponseStatistics): ResponseCounter {
    return (this.#counters ??= [])[index] ??= new ResponseCounter(statistics, this.tasks[index].startedAt);
  }
}

/** Under which `reason` a failed execution counts. */
function failureReason(error: Status): FailureReason {
  return error.code === "CANCELLED" ? "CANCELED" : "BACKEND";
}
