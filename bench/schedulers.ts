/** What a request costs in each scheduler, in this process, without a server and without models. */
import { systemClock } from "../core/clock.ts";
import type { Execution, ModelInstance } from "../backends/backend.ts";
import { InferenceRequest, type ResponseSink } from "../core/inference.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { DefaultScheduler, type SchedulerOptions } from "../scheduler/default_scheduler.ts";
import { DynamicScheduler } from "../scheduler/dynamic/dynamic_scheduler.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { sequenceConfigOf } from "../scheduler/sequence/config.ts";
import { SequenceScheduler } from "../scheduler/sequence/sequence_scheduler.ts";

/** How many requests wait when a request comes. */
export const QUEUE_LENGTHS: readonly number[] = [10, 100, 1_000, 10_000];

const MAX_BATCH_SIZE = 8;
/** Requests of one measurement. */
const REQUESTS = 40_000;

/** Microseconds per request, from `enqueue` to the end of its execution, by queue length. */
export interface SchedulerCost {
  readonly scheduler: string;
  readonly micros: readonly number[];
}

/** An instance that keeps one execution until it is told to answer. */
class ToldInstance implements ModelInstance {
  readonly name = "m_0";
  readonly group = "g";
  readonly passive = false;
  readonly capacity = 1;
  readonly available = true;
  onAvailable: () => void = () => {};
  #current: Execution | undefined;

  execute(execution: Execution): void {
    this.#current = execution;
  }

  /** Ends the execution; the next one begins before this returns. @returns how many requests it had. */
  answer(): number {
    const execution = this.#current!;
    execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
    return execution.requests.length;
  }
}

type Prepare = (request: InferenceRequest, index: number) => void;
type Make = (parts: SchedulerOptions) => Scheduler;

const NO_POLICY = {
  timeoutAction: "REJECT",
  defaultTimeoutMs: Infinity,
  allowTimeoutOverride: true,
  maxQueueSize: undefined,
} as const;

function dynamic(parts: SchedulerOptions, levels: number): DynamicScheduler {
  return new DynamicScheduler({
    ...parts,
    rules: { maxBatchSize: MAX_BATCH_SIZE, preferredSizes: [MAX_BATCH_SIZE], delayMs: 0 },
    priorities: { levels, defaultLevel: levels > 0 ? 1 : 0, defaultPolicy: NO_POLICY, policies: new Map() },
    shapeKey: () => "",
    preserveOrdering: false,
    prefetch: levels === 0,
  });
}

function sequences(parts: SchedulerOptions): SequenceScheduler {
  const config = create(ModelConfigSchema, {
    name: "m",
    maxBatchSize: MAX_BATCH_SIZE,
    schedulingChoice: {
      case: "sequenceBatching",
      value: {
        maxSequenceIdleMicroseconds: 1_000_000_000n,
        strategyChoice: { case: "oldest", value: { maxCandidateSequences: 1_000_000 } },
      },
    },
  });
  if (config.schedulingChoice.case !== "sequenceBatching") throw new Error("no sequence batching");
  return new SequenceScheduler({ ...parts, config: sequenceConfigOf(config, config.schedulingChoice.value) });
}

const SCHEDULERS: readonly [string, Make, Prepare][] = [
  ["default", (parts) => new DefaultScheduler(parts), () => {}],
  [`dynamic, batches of ${MAX_BATCH_SIZE}`, (parts) => dynamic(parts, 0), () => {}],
  ["dynamic, 4 priorities, timeouts", (parts) => dynamic(parts, 4), (request, index) => {
    request.priority = 1 + index % 4;
    request.timeoutMicros = 1e9;
  }],
  [`sequences, batches of ${MAX_BATCH_SIZE}`, sequences, (request, index) => {
    request.correlationId = index + 1;
    request.sequenceStart = request.sequenceEnd = true;
  }],
];

/** Measures every scheduler at every queue length: the best of `rounds`, for what disturbs only adds. */
export function measureSchedulers(rounds: number): SchedulerCost[] {
  return SCHEDULERS.map(([scheduler, make, prepare]) => {
    const micros = QUEUE_LENGTHS.map((length) => {
      const runs = Array.from({ length: rounds + 1 }, () => run(make, prepare, length));
      return Math.min(...runs.slice(1));
    });
    return { scheduler, micros };
  });
}

/** Fills the queue, then has as many requests come as go. */
function run(make: Make, prepare: Prepare, length: number): number {
  const instance = new ToldInstance();
  const scheduler = make({
    modelName: "m",
    instances: [instance],
    statistics: new ModelStatistics(),
    clock: systemClock,
    maxQueueSize: Infinity,
  });
  const sink: ResponseSink = { respond() {}, finish() {} };
  const requests = Array.from({ length: length + REQUESTS }, (_, index) => {
    const request = new InferenceRequest("m", "");
    prepare(request, index);
    return request;
  });
  let sent = 0;
  while (sent < length) scheduler.enqueue(requests[sent++], sink);
  const before = performance.now();
  while (sent < requests.length) {
    for (let over = instance.answer(); over > 0 && sent < requests.length; over--) {
      scheduler.enqueue(requests[sent++], sink);
    }
  }
  const micros = (performance.now() - before) * 1000 / REQUESTS;
  while (scheduler.inFlight > 0) instance.answer();
  scheduler.stop();
  return micros;
}
