import { type Clock, systemClock } from "../../core/clock.ts";
import { queueFull, serverStopping } from "../../core/errors/scheduler.ts";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { ModelStatistics } from "../../observability/statistics.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import { Demands } from "./demand.ts";
import type { EnsembleDescription } from "./description.ts";
import { type EnsembleParts, EnsembleRun } from "./ensemble_run.ts";
import { StepGate } from "./step_gate.ts";
import type { FindStepModel } from "./step_model.ts";

/** What the scheduler of an ensemble is made from. */
export interface EnsembleSchedulerOptions {
  readonly description: EnsembleDescription;
  readonly modelVersion: string;
  readonly find: FindStepModel;
  readonly statistics: ModelStatistics;
  readonly clock?: Clock;
  /** Requests that wait for several steps at once, in a queue that none of their models has; default none. */
  readonly waiting?: () => number;
  /** See {@link Scheduler.hurry}: for those that wait there. */
  readonly hurry?: () => void;
  /** Steps that may wait where `max_inflight_requests` holds them back; default {@link DEFAULT_QUEUE_SIZE}. */
  readonly maxQueueSize?: number;
}

/**
 * The scheduler of an ensemble: every request starts at once, and what waits are its steps, in the schedulers of their
 * models and where `max_inflight_requests` holds them back.
 */
export class EnsembleScheduler implements Scheduler {
  readonly #parts: EnsembleParts;
  readonly #demands: Demands;
  readonly #statistics: ModelStatistics;
  readonly #clock: Clock;
  readonly #maxQueueSize: number;
  readonly #waiting: () => number;
  readonly #hurry: (() => void) | undefined;
  #inFlight = 0;
  #stopping = false;

  constructor(options: EnsembleSchedulerOptions) {
    const { description, modelVersion, find, statistics, clock, maxQueueSize, waiting, hurry } = options;
    const gates = description.steps.map(() => new StepGate(description.maxInflightRequests));
    const outputDims = new Map(description.outputs.map(({ name, dims }) => [name, dims]));
    this.#parts = { description, modelVersion, find, gates, outputDims };
    this.#demands = new Demands(description);
    this.#statistics = statistics;
    this.#clock = clock ?? systemClock;
    this.#maxQueueSize = maxQueueSize ?? DEFAULT_QUEUE_SIZE;
    this.#waiting = waiting ?? (() => 0);
    this.#hurry = hurry;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** What waits for one step waits with its model; all else counts as executing. */
  get pending(): number {
    return this.#waiting();
  }

  enqueue(request: InferenceRequest, sink: ResponseSink): void {
    const refusal = this.#refusal(request);
    if (refusal) {
      this.#statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
      refuse(sink, refusal);
      return;
    }
    this.#inFlight++;
    const demand = this.#demands.of(request.outputs);
    new EnsembleRun(this.#parts, demand, request, sink, (run, error) => this.#end(run, error, sink)).start();
  }

  /** The models of its steps are told by themselves. */
  hurry(): void {
    this.#hurry?.();
  }

  stop(): void {
    this.#stopping = true;
  }

  #refusal({ id }: InferenceRequest): Status | undefined {
    const { description: { name, maxInflightRequests }, gates } = this.#parts;
    if (this.#stopping) return serverStopping(name);
    if (maxInflightRequests === 0) return undefined;
    const waiting = gates.reduce((sum, gate) => sum + gate.waiting, 0);
    if (waiting < this.#maxQueueSize) return undefined;
    return queueFull(id, name, this.#maxQueueSize, "--max-queue-size");
  }

  #end({ request, spent }: EnsembleRun, error: Status | undefined, sink: ResponseSink): void {
    const statistics = this.#statistics;
    const totalMs = this.#clock.now() - request.receivedAt;
    if (error) statistics.requestFailed(totalMs, error.code === "CANCELLED" ? "CANCELED" : "OTHER");
    else {
      statistics.executed(request.batchSize, spent);
      statistics.requestSucceeded(request.batchSize, totalMs, spent.queueMs, spent);
      request.spent?.add(spent.queueMs, spent);
    }
    this.#inFlight--;
    sink.finish(error);
  }
}
