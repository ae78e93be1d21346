import { metricsMethodNotAllowed } from "../core/errors/metrics.ts";
import type { Repository } from "../model_repository/model.ts";
import type { CacheStatistics } from "../observability/cache_statistics.ts";
import { type MeasuredModel, type MetricsChoice, renderMetrics } from "../observability/metrics.ts";
import type { SystemUsage } from "../observability/system_usage.ts";
import { CachingScheduler } from "../scheduler/cache/caching_scheduler.ts";
import type { LoadTimes } from "./load_times.ts";

/** What the metrics port listens at and shows. */
export interface MetricsEndpointOptions extends MetricsChoice {
  readonly hostname: string;
  readonly port: number;
  /** Undefined leaves out the gauges of the machine. */
  readonly system?: SystemUsage;
  /** How long loading took. */
  readonly loadTimes?: LoadTimes;
  /** Undefined without a response cache in this process. */
  readonly cache?: CacheStatistics;
}

const TEXT = { "content-type": "text/plain; charset=utf-8" };

/**
 * Serves `/metrics`. As on Triton's metrics port other paths are answered with an empty 200, and `/metrics/` and queries
 * are understood.
 *
 * @throws Deno.errors.AddrInUse, or another error of the system, where the port cannot be opened.
 */
export function serveMetrics(repository: Repository, options: MetricsEndpointOptions): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({
    hostname: options.hostname,
    port: options.port,
    onListen() {},
  }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname !== "/metrics" && pathname !== "/metrics/") return new Response("", { headers: TEXT });
    if (request.method !== "GET" && request.method !== "HEAD") {
      const error = metricsMethodNotAllowed();
      return Response.json({ error: error.message }, { status: error.httpStatus, headers: { allow: "GET, HEAD" } });
    }
    const text = await renderMetrics(measured(repository, options.loadTimes), options.system, options, options.cache);
    return new Response(text, { headers: TEXT });
  });
}

function measured(repository: Repository, loadTimes: LoadTimes | undefined): MeasuredModel[] {
  return repository.readyModels().map((model) => ({
    name: model.name,
    version: model.version,
    statistics: model.statistics,
    pending: model.scheduler.pending,
    cached: model.scheduler instanceof CachingScheduler,
    loadSeconds: loadTimes?.seconds(model.name, model.version),
    counters: model.loaded.counters,
    tags: model.config.metricTags,
  }));
}
