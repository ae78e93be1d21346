import { toBinary } from "@bufbuild/protobuf";
import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../observability/log.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import { type ModelConfig, ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { CachingScheduler } from "../scheduler/cache/caching_scheduler.ts";
import type { ResponseCache } from "../scheduler/cache/response_cache.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { contentsOf } from "./contents.ts";
import type { PolledModel } from "./polled_model.ts";
import { revisionsOf } from "./revision.ts";

let loads = 0;

/**
 * A text that changes whenever a version is loaded anew, for the keys of its cached responses. In a cache that others use
 * too, or that outlives this process, it is the same wherever and whenever the same files are served with the same
 * configuration, and another one for any others.
 *
 * @param config completed.
 */
export async function epochOf(
  config: ModelConfig,
  { directory, revisions }: Pick<PolledModel, "directory" | "revisions">,
  version: number,
  cache: ResponseCache | undefined,
): Promise<string> {
  if (!cache?.shared) return String(++loads);
  const hash = createHash("sha256").update(toBinary(ModelConfigSchema, config));
  hash.update(await contentsOf(directory, version));
  // What has been written since the model was found may not be what was loaded.
  const now = (await revisionsOf(directory, [version])).get(version);
  const found = revisions.get(version);
  // Those of ensembles go on with which models they run.
  if (found !== now && !found?.startsWith(`${now} |`)) hash.update(crypto.randomUUID());
  return hash.digest("hex");
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
