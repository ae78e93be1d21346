import type { Execution, ModelInstance } from "../../backends/backend.ts";
import { type Clock, ManualClock } from "../../core/clock.ts";
import { InferenceRequest, type ResponseSink } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { DynamicScheduler, type DynamicSchedulerOptions } from "./dynamic_scheduler.ts";
import type { QueuePolicy } from "./policy_queue.ts";

/** A request of a timeline. */
export interface Arrival {
  /** Milliseconds. */
  readonly at: number;
  readonly id: string;
  readonly rows?: number;
  readonly shape?: string;
  readonly priority?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a timeline is run on. */
export interface Settings {
  readonly max?: number;
  readonly preferred?: readonly number[];
  readonly delayMs?: number;
  readonly instances?: number;
  /** How long an execution takes; 0 ends it before `execute` returns. */
  readonly executeMs?: number;
  readonly levels?: number;
  readonly defaultLevel?: number;
  readonly maxQueueSize?: number;
  readonly policy?: Partial<QueuePolicy>;
  readonly policies?: Readonly<Record<number, Partial<QueuePolicy>>>;
  readonly prefetch?: boolean;
  readonly preserveOrdering?: boolean;
  readonly startAfter?: number;
  readonly afterTurn?: DynamicSchedulerOptions["afterTurn"];
}

/** An instance that answers every request with its id after a while. */
class TimedInstance implements ModelInstance {
  readonly group = "g";
  readonly passive = false;
  readonly capacity = 1;
  available = true;
  onAvailable: () => void = () => {};

  constructor(
    readonly name: string,
    private readonly clock: Clock,
    private readonly executeMs: number,
    private readonly began: (execution: Execution, instance: string) => void,
  ) {}

  execute(execution: Execution): void {
    this.began(execution, this.name);
    if (this.executeMs === 0) this.#answer(execution);
    else this.clock.after(this.executeMs, () => this.#answer(execution));
  }

  #answer(execution: Execution): void {
    execution.requests.forEach(({ id }, i) => {
      execution.respond(i, { modelName: "m", modelVersion: "1", id, outputs: [] });
    });
    execution.finish({ inputMs: 0, inferMs: this.executeMs, outputMs: 0 });
  }
}

/** A scheduler on a clock that a test moves, with a record of what happened. */
export class Bench {
  readonly clock = new ManualClock();
  readonly statistics = new ModelStatistics();
  readonly scheduler: DynamicScheduler;
  /** `<ms>: <ids>` of each execution when it begins. */
  readonly executions: string[] = [];
  /** `<ms>: <id>` of each response, with the error's text where it failed. */
  readonly answers: string[] = [];
  readonly instances: readonly TimedInstance[];

  constructor(settings: Settings) {
    const { max = 8, executeMs = 10, levels = 0, policy, policies = {} } = settings;
    const began = ({ requests }: Execution) => {
      this.executions.push(`${this.clock.now()}: ${requests.map(({ id }) => id).join(" ")}`);
    };
    this.instances = Array.from(
      { length: settings.instances ?? 1 },
      (_, i) => new TimedInstance(`m_${i}`, this.clock, executeMs, began),
    );
    const plain = levels < 2 && !policy && Object.keys(policies).length === 0;
    this.scheduler = new DynamicScheduler({
      modelName: "m",
      instances: this.instances,
      statistics: this.statistics,
      clock: this.clock,
      rules: { maxBatchSize: max, preferredSizes: settings.preferred ?? [max], delayMs: settings.delayMs ?? 0 },
      priorities: {
        levels,
        defaultLevel: settings.defaultLevel ?? 0,
        defaultPolicy: policyOf(policy),
        policies: new Map(Object.entries(policies).map(([level, each]) => [Number(level), policyOf(each)])),
      },
      shapeKey: (request) => String(request.parameters?.get("shape") ?? ""),
      preserveOrdering: settings.preserveOrdering ?? false,
      prefetch: settings.prefetch ?? plain,
      maxQueueSize: settings.maxQueueSize,
      startAfter: settings.startAfter,
      afterTurn: settings.afterTurn,
    });
  }

  /** Enqueues a request now. */
  enqueue(arrival: Omit<Arrival, "at">, after?: () => void): void {
    const { id, rows = 1, shape, priority = 0, timeoutMs = 0, signal } = arrival;
    const request = new InferenceRequest("m", "");
    request.id = id;
    request.batchSize = rows;
    request.priority = priority;
    request.timeoutMicros = timeoutMs * 1000;
    request.signal = signal;
    request.receivedAt = this.clock.now();
    if (shape !== undefined) request.parameters = new Map([["shape", shape]]);
    const sink: ResponseSink = {
      respond: (response) => this.answers.push(`${this.clock.now()}: ${response.id}`),
      finish: (error?: Status) => {
        if (error) this.answers.push(`${this.clock.now()}: ${id} ${error.code} ${error.message}`);
        after?.();
      },
    };
    this.scheduler.enqueue(request, sink);
  }

  /** Lets requests come when they are to, and time pass until nothing more happens. */
  run(arrivals: readonly Arrival[]): this {
    for (const arrival of arrivals) this.clock.after(arrival.at - this.clock.now(), () => this.enqueue(arrival));
    this.clock.advance(60_000);
    return this;
  }

  /** The close reasons that occurred, with their counts. */
  get closed(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.statistics.closed ?? {}).filter(([, count]) => count > 0));
  }
}

function policyOf(policy: Partial<QueuePolicy> = {}): QueuePolicy {
  return {
    timeoutAction: "REJECT",
    defaultTimeoutMs: Infinity,
    allowTimeoutOverride: false,
    maxQueueSize: undefined,
    ...policy,
  };
}

/** Requests of one row each, `a`, `b`, … in order. */
export function singles(...times: number[]): Arrival[] {
  return times.map((at, i) => ({ at, id: String.fromCharCode(97 + i) }));
}
