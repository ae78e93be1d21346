import type { Hono } from "hono";
import { statisticsModelNotAvailable, statisticsVersionNotAvailable } from "../../core/errors/wire.ts";
import { Status } from "../../core/status.ts";
import type { Model, Repository } from "../../model_repository/model.ts";
import type { Duration } from "../../observability/statistics.ts";
import { jsonResponse } from "./respond.ts";
import { modelPath, route } from "./route.ts";

/** The statistics extension. `/v2/models/stats` comes before the models: one called `stats` is not seen there. */
export function statisticsRoutes(app: Hono, repository: Repository): void {
  route(app, "/v2/models/stats", { GET: () => statisticsResponse(repository.readyModels()) });
  for (const path of ["/v2/models/:model/stats", "/v2/models/:model/versions/:version{[0-9]+}/stats"]) {
    route(app, path, {
      GET(context) {
        const { name, version } = modelPath(context);
        return statisticsResponse(versionsOf(repository, name, version));
      },
    });
  }
}

/** @throws Status INVALID_ARGUMENT where nothing of the name is ready: not the error that other routes have for it. */
function versionsOf(repository: Repository, name: string, version: string): readonly Model[] {
  const ready = repository.readyVersions(name);
  if (ready.length === 0) throw statisticsModelNotAvailable(name);
  if (version === "") return ready;
  try {
    return [repository.find(name, version)];
  } catch (error) {
    const { code } = Status.from(error);
    throw code === "NOT_FOUND" || code === "UNAVAILABLE" ? statisticsVersionNotAvailable(name) : error;
  }
}

function statisticsResponse(models: readonly Model[]): Response {
  return jsonResponse(JSON.stringify({ model_stats: models.map(statisticsOf) }));
}

function statisticsOf({ name, version, statistics }: Model) {
  return {
    name,
    version: String(version),
    last_inference: statistics.lastInference,
    inference_count: statistics.inferenceCount,
    execution_count: statistics.executionCount,
    inference_stats: {
      success: durationOf(statistics.success),
      fail: durationOf(statistics.fail),
      queue: durationOf(statistics.queue),
      compute_input: durationOf(statistics.computeInput),
      compute_infer: durationOf(statistics.computeInfer),
      compute_output: durationOf(statistics.computeOutput),
      cache_hit: durationOf(statistics.cacheHit),
      cache_miss: durationOf(statistics.cacheMiss),
    },
    response_stats: Object.fromEntries((statistics.responses?.positions ?? []).map((position, index) => [index, {
      compute_infer: durationOf(position.computeInfer),
      compute_output: durationOf(position.computeOutput),
      success: durationOf(position.success),
      fail: durationOf(position.fail),
      empty_response: durationOf(position.emptyResponse),
      cancel: durationOf(position.cancel),
    }])),
    batch_stats: Array.from(statistics.batches)
      .sort(([a], [b]) => a - b)
      .map(([batchSize, { computeInput, computeInfer, computeOutput }]) => ({
        batch_size: batchSize,
        compute_input: durationOf(computeInput),
        compute_infer: durationOf(computeInfer),
        compute_output: durationOf(computeOutput),
      })),
    memory_usage: [],
    // Not in Triton: only of models that form batches, so that the others have Triton's keys and no more.
    ...(statistics.closed ? { batch_close_reasons: statistics.closed } : {}),
  };
}

function durationOf({ count, ns }: Duration) {
  return { count, ns };
}
