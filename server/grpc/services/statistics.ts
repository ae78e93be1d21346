import { statisticsModelNotAvailable, statisticsVersionNotAvailable } from "../../../core/errors/wire.ts";
import { Status } from "../../../core/status.ts";
import type { Model, Repository } from "../../../model_repository/model.ts";
import type { Duration } from "../../../observability/statistics.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModelStatisticsSchema } from "../../../proto/gen/grpc_service_pb.ts";

type Statistics = MessageInitShape<typeof ModelStatisticsSchema>;

/**
 * What `ModelStatistics` answers: the ready versions of a model, one of them, or with an empty name all of all models.
 *
 * @throws Status INVALID_ARGUMENT where there is none.
 */
export function statisticsOf(repository: Repository, name: string, version: string): Statistics[] {
  if (name === "") return repository.readyModels().map(statisticsMessage);
  const ready = repository.readyVersions(name);
  if (version === "") {
    if (ready.length === 0) throw statisticsModelNotAvailable(name);
    return ready.map(statisticsMessage);
  }
  try {
    return [statisticsMessage(repository.find(name, version))];
  } catch (error) {
    const status = Status.from(error);
    if (status.code !== "NOT_FOUND" && status.code !== "UNAVAILABLE") throw status;
    throw ready.length === 0 ? statisticsModelNotAvailable(name) : statisticsVersionNotAvailable(name);
  }
}

function statisticsMessage({ name, version, statistics }: Model): Statistics {
  return {
    name,
    version: String(version),
    lastInference: BigInt(Math.round(statistics.lastInference)),
    inferenceCount: BigInt(statistics.inferenceCount),
    executionCount: BigInt(statistics.executionCount),
    inferenceStats: {
      success: duration(statistics.success),
      fail: duration(statistics.fail),
      queue: duration(statistics.queue),
      computeInput: duration(statistics.computeInput),
      computeInfer: duration(statistics.computeInfer),
      computeOutput: duration(statistics.computeOutput),
      cacheHit: duration(statistics.cacheHit),
      cacheMiss: duration(statistics.cacheMiss),
    },
    responseStats: Object.fromEntries((statistics.responses?.positions ?? []).map((position, index) => [index, {
      computeInfer: duration(position.computeInfer),
      computeOutput: duration(position.computeOutput),
      success: duration(position.success),
      fail: duration(position.fail),
      emptyResponse: duration(position.emptyResponse),
      cancel: duration(position.cancel),
    }])),
    batchStats: [...statistics.batches].sort(([a], [b]) => a - b).map(([size, batch]) => ({
      batchSize: BigInt(size),
      computeInput: duration(batch.computeInput),
      computeInfer: duration(batch.computeInfer),
      computeOutput: duration(batch.computeOutput),
    })),
    batchCloseReasons: Object.fromEntries(
      Object.entries(statistics.closed ?? {}).map(([reason, count]) => [reason, BigInt(count)]),
    ),
  };
}

function duration({ count, ns }: Duration) {
  return { count: BigInt(count), ns: BigInt(Math.round(ns)) };
}
