import {
  type ModelConfig,
  type ModelDynamicBatching,
  type ModelQueuePolicy,
  ModelQueuePolicy_TimeoutAction as TimeoutAction,
} from "../../proto/gen/model_config_pb.ts";
import { shapeKeyOf } from "../shape_key.ts";
import type { DynamicSchedulerOptions } from "./dynamic_scheduler.ts";
import type { QueuePolicy } from "./policy_queue.ts";

/** What a configuration says of its batcher. */
export type DynamicConfig = Pick<
  DynamicSchedulerOptions,
  "rules" | "priorities" | "shapeKey" | "preserveOrdering" | "prefetch"
>;

/** Reads a completed configuration. A model without a batch dimension runs its requests one by one. */
export function dynamicConfigOf(config: ModelConfig, batching: ModelDynamicBatching): DynamicConfig {
  const { defaultQueuePolicy, priorityQueuePolicy, preserveOrdering } = batching;
  const maxBatchSize = Math.max(1, config.maxBatchSize);
  const sizes = [...new Set(batching.preferredBatchSize)].sort((a, b) => a - b);
  const levels = Number(batching.priorityLevels);
  const policies = Object.entries(priorityQueuePolicy);
  // Requests with priorities, limits or timeouts stay in the queue, where these apply.
  const plain = levels < 2 && policies.length === 0 && defaultQueuePolicy === undefined;
  return {
    rules: {
      maxBatchSize,
      preferredSizes: sizes.length > 0 ? sizes : [maxBatchSize],
      delayMs: Number(batching.maxQueueDelayMicroseconds) / 1000,
    },
    priorities: {
      levels,
      defaultLevel: levels > 0 ? Number(batching.defaultPriorityLevel) : 0,
      defaultPolicy: policyOf(defaultQueuePolicy, preserveOrdering),
      policies: new Map(policies.map(([level, policy]) => [Number(level), policyOf(policy, preserveOrdering)])),
    },
    shapeKey: shapeKeyOf(config),
    preserveOrdering,
    prefetch: plain || (config.optimization?.eagerBatching ?? false),
  };
}

function policyOf(policy: ModelQueuePolicy | undefined, preserveOrdering: boolean): QueuePolicy {
  const timeoutMicros = Number(policy?.defaultTimeoutMicroseconds ?? 0n);
  const delays = policy?.timeoutAction === TimeoutAction.DELAY;
  return {
    timeoutAction: delays ? "DELAY" : "REJECT",
    defaultTimeoutMs: timeoutMicros === 0 ? Infinity : timeoutMicros / 1000,
    // With a default timeout a model that keeps the order may not delay; nor is a request to do so with its own.
    allowTimeoutOverride: (policy?.allowTimeoutOverride ?? false) && !(delays && preserveOrdering),
    maxQueueSize: policy?.maxQueueSize || undefined,
  };
}
