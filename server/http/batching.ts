import type { Hono } from "hono";
import { allowedBatchSizes, padsBatches } from "../../backends/allowed_batch_sizes.ts";
import type { Model, Repository } from "../../model_repository/model.ts";
import { type BatchingSettings, explainBatching } from "../../observability/explain_batching.ts";
import { jsonResponse } from "./respond.ts";
import { modelPath, route } from "./route.ts";

/**
 * `GET /v2/models/{model}[/versions/{version}]/batching`, which Triton does not have: the sizes of the batches that were
 * executed, why they took no more requests, and in words what that means.
 */
export function batchingRoutes(app: Hono, repository: Repository): void {
  for (const path of ["/v2/models/:model/batching", "/v2/models/:model/versions/:version{[0-9]+}/batching"]) {
    route(app, path, {
      GET(context) {
        const { name, version } = modelPath(context);
        return jsonResponse(JSON.stringify(batchingOf(repository.find(name, version))));
      },
    });
  }
}

function batchingOf({ name, version, config, statistics, scheduler }: Model) {
  const settings = settingsOf(config);
  const sizes = Array.from(
    statistics.batches,
    ([size, { computeInfer }]) => ({ size, executions: computeInfer.count }),
  );
  const allowed = padsBatches(config) ? allowedBatchSizes(config) : undefined;
  return {
    name,
    version: String(version),
    scheduler: settings.scheduler,
    max_batch_size: settings.maxBatchSize,
    preferred_batch_size: settings.preferredSizes,
    max_queue_delay_microseconds: settings.delayMicros,
    ...(allowed ? { allowed_batch_sizes: allowed } : {}),
    pending_requests: scheduler.pending,
    inference_count: statistics.inferenceCount,
    execution_count: statistics.executionCount,
    batch_sizes: sizes.sort((a, b) => a.size - b.size),
    closed: statistics.closed ?? {},
    explanation: explainBatching(allowed ? { ...settings, allowedSizes: allowed } : settings, statistics),
  };
}

function settingsOf({ schedulingChoice, maxBatchSize }: Model["config"]): BatchingSettings {
  switch (schedulingChoice.case) {
    case "dynamicBatching": {
      const { preferredBatchSize, maxQueueDelayMicroseconds } = schedulingChoice.value;
      return {
        scheduler: "dynamic",
        maxBatchSize,
        preferredSizes: preferredBatchSize,
        delayMicros: Number(maxQueueDelayMicroseconds),
      };
    }
    case "sequenceBatching": {
      const { value: strategy } = schedulingChoice.value.strategyChoice;
      return {
        scheduler: "sequence",
        maxBatchSize,
        preferredSizes: strategy && "preferredBatchSize" in strategy ? strategy.preferredBatchSize : [],
        delayMicros: Number(strategy?.maxQueueDelayMicroseconds ?? 0n),
      };
    }
    case "ensembleScheduling":
      return { scheduler: "ensemble", maxBatchSize, preferredSizes: [], delayMicros: 0 };
    default:
      return { scheduler: "default", maxBatchSize, preferredSizes: [], delayMicros: 0 };
  }
}
