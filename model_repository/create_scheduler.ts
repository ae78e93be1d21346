import { setImmediate } from "node:timers";
import type { ModelInstance } from "../backends/backend.ts";
import type { Clock } from "../core/clock.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import type { ModelConfig, ModelDynamicBatching, ModelSequenceBatching } from "../proto/gen/model_config_pb.ts";
import { DefaultScheduler } from "../scheduler/default_scheduler.ts";
import { dynamicConfigOf } from "../scheduler/dynamic/config.ts";
import { DynamicScheduler } from "../scheduler/dynamic/dynamic_scheduler.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { sequenceConfigOf } from "../scheduler/sequence/config.ts";
import { SequenceScheduler } from "../scheduler/sequence/sequence_scheduler.ts";

/** What the scheduler of a version works with. */
export interface SchedulerParts {
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
  /** Requests that may wait where the configuration does not say. */
  readonly maxQueueSize?: number;
  /** A line in the log about this model. */
  readonly warning: (message: string) => void;
}

/** The scheduler for a configuration, unless it is an ensemble's. Batching changes how fast requests are answered, never the answers. */
export function createScheduler(config: ModelConfig, parts: SchedulerParts): Scheduler {
  switch (config.schedulingChoice.case) {
    case "dynamicBatching":
      return createDynamicScheduler(config, config.schedulingChoice.value, parts);
    case "sequenceBatching":
      return createSequenceScheduler(config, config.schedulingChoice.value, parts);
    default:
      return new DefaultScheduler({ modelName: config.name, ...parts });
  }
}

function createDynamicScheduler(config: ModelConfig, batching: ModelDynamicBatching, parts: SchedulerParts) {
  return new DynamicScheduler({
    ...parts,
    ...dynamicConfigOf(config, batching),
    modelName: config.name,
    startAfter: countFrom("TRITONSERVER_DELAY_SCHEDULER"),
    afterTurn: setImmediate,
  });
}

function createSequenceScheduler(config: ModelConfig, batching: ModelSequenceBatching, parts: SchedulerParts) {
  return new SequenceScheduler({
    ...parts,
    modelName: config.name,
    config: sequenceConfigOf(config, batching),
    delayUntilQueued: countFrom("TRITONSERVER_DELAY_SCHEDULER"),
    delayUntilBacklogged: countFrom("TRITONSERVER_BACKLOG_DELAY_SCHEDULER"),
    afterTurn: setImmediate,
  });
}

/** The number in an environment variable that client test suites set to see full queues; 0 without it. */
function countFrom(variable: string): number {
  const count = Number(Deno.env.get(variable) ?? 0);
  return Number.isInteger(count) && count > 0 ? count : 0;
}
