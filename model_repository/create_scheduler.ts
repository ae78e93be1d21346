import type { ModelInstance } from "../backends/backend.ts";
import type { Clock } from "../core/clock.ts";
import { schedulerNotAvailable } from "../core/errors/repository.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";
import { DefaultScheduler } from "../scheduler/default_scheduler.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";

/** What the scheduler of a version works with. */
export interface SchedulerParts {
  readonly instances: readonly ModelInstance[];
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
}

/**
 * Refuses, before anything is loaded, a configuration whose results would be wrong without a scheduler of its own.
 *
 * @throws Status UNSUPPORTED
 */
export function checkScheduling(config: ModelConfig): void {
  switch (config.schedulingChoice.case) {
    case "sequenceBatching":
      throw schedulerNotAvailable(config.name, "sequence batching");
  }
}

/** The scheduler for a configuration, unless it is an ensemble's. Batching changes how fast requests are answered, never the answers. */
export function createScheduler(config: ModelConfig, parts: SchedulerParts): Scheduler {
  return new DefaultScheduler({ modelName: config.name, ...parts });
}
