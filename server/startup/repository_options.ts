import { gpuAvailable, probeGpu } from "../../backends/gpu.ts";
import { BACKENDS } from "../../backends/registry.ts";
import { systemClock } from "../../core/clock.ts";
import type { RepositoryOptions } from "../../model_repository/repository.ts";
import { everythingAtStart } from "../../model_repository/source.ts";
import type { Log } from "../../observability/log.ts";
import type { ResponseCache } from "../../scheduler/cache/response_cache.ts";
import { RateLimiter } from "../../scheduler/rate_limiter/rate_limiter.ts";
import { settingsOf } from "../options/settings.ts";
import type { ServerOptions } from "../options/table.ts";

/** What the options say about the repository. */
export function repositoryOptions(options: ServerOptions, log: Log, cache?: ResponseCache): RepositoryOptions {
  return {
    roots: options.modelRepository,
    source: everythingAtStart,
    configName: options.modelConfigName,
    autoComplete: !options.disableAutoCompleteConfig,
    loadThreads: options.modelLoadThreadCount,
    loadRetries: options.modelLoadRetryCount,
    backends: BACKENDS,
    backendSettings: (backend) => settingsOf(options.backendConfig, backend),
    gpuAvailable,
    adapterAvailable: async () => await probeGpu() !== undefined,
    cache,
    rateLimiter: options.rateLimit === "off" ? undefined : new RateLimiter(options.rateLimitResource),
    maxQueueSize: options.maxQueueSize === 0 ? Infinity : options.maxQueueSize,
    clock: systemClock,
    log,
  };
}
