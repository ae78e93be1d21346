import { clone, create } from "@bufbuild/protobuf";
import { setImmediate } from "node:timers";
import { type ModelConfig, ModelConfigSchema, ModelInputSchema } from "../../proto/gen/model_config_pb.ts";
import { DefaultScheduler, type SchedulerOptions } from "../../scheduler/default_scheduler.ts";
import { dynamicConfigOf } from "../../scheduler/dynamic/config.ts";
import { DynamicScheduler } from "../../scheduler/dynamic/dynamic_scheduler.ts";
import type { StepInput } from "../../scheduler/ensemble/description.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import { dynamicBatchingOf } from "./chain_obstacles.ts";

/**
 * The scheduler of a chain, by the configuration of its first model: what waits in front of the chain would have waited
 * there.
 *
 * @param inputs of the chain. @param maxBatchSize of the whole chain.
 */
export function chainScheduler(
  config: ModelConfig,
  inputs: readonly StepInput[],
  maxBatchSize: number,
  options: Omit<SchedulerOptions, "modelName">,
): Scheduler {
  const own = clone(ModelConfigSchema, config);
  own.maxBatchSize = maxBatchSize;
  own.input = inputs.map(({ tensor, dims }) => create(ModelInputSchema, { name: tensor, dims: dims.map(BigInt) }));
  const batching = dynamicBatchingOf(own);
  if (!batching) return new DefaultScheduler({ ...options, modelName: config.name });
  batching.preferredBatchSize = batching.preferredBatchSize.filter((size) => size <= Math.max(1, maxBatchSize));
  const dynamic = dynamicConfigOf(own, batching);
  return new DynamicScheduler({
    ...options,
    ...dynamic,
    modelName: config.name,
    // What a request asks for decides which steps run: requests that share a batch share those.
    shapeKey: (request) => `${dynamic.shapeKey(request)}\n${request.outputs.join("\n")}`,
    afterTurn: setImmediate,
  });
}
