import { toBinary } from "@bufbuild/protobuf";
import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../observability/log.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import { type ModelConfig, ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { CachingScheduler } from "../scheduler/cache/caching_scheduler.ts";
import type { ResponseCache } from "../scheduler/cache/response_cache.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";

let loads = 0;

/**
 * A text that changes whenever a version is loaded anew, for the keys of its cached responses. In a cache that others use
 * too, or that outlives this process, it changes with the configuration and the model's files instead.
 *
 * @param revision what the version was made from; see {@link PolledModel.revisions}.
 */
export function epochOf(config: ModelConfig, revision: string | undefined, cache: ResponseCache | undefined): string {
  if (!cache?.shared) return String(++loads);
  return createHash("sha256").update(toBinary(ModelConfigSchema, config)).update(revision ?? "").digest("hex");
}

/** What caching the responses of a version takes. */
export interface CachingParts {
  readonly cache: ResponseCache | undefined;
  readonly epoch: () => string | undefined;
  readonly statistics: ModelStatistics;
  readonly clock: Clock;
  readonly log: Log;
  /** Requests that may wait for the response of another one. */
  readonly maxQueueSize?: number;
}

/** The scheduler with a response cache before it, where the configuration asks for one and the server has one. */
export function withCache(config: ModelConfig, version: number, inner: Scheduler, parts: CachingParts): Scheduler {
  const { cache } = parts;
  if (!cache || !config.responseCache?.enable || config.modelTransactionPolicy?.decoupled) return inner;
  return new CachingScheduler({
    ...parts,
    cache,
    inner,
    modelName: config.name,
    modelVersion: String(version),
    outputs: config.output.length,
  });
}
