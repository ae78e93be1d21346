import {
  defaultPriority,
  orderingWithDelay,
  orderingWithPriorities,
  preferredSizeNotPositive,
  preferredSizeTooLarge,
  priorityPolicyKey,
} from "../../../core/errors/load.ts";
import {
  type ModelConfig,
  type ModelDynamicBatching,
  type ModelQueuePolicy,
  ModelQueuePolicy_TimeoutAction as TimeoutAction,
} from "../../../proto/gen/model_config_pb.ts";

/** Checks the dynamic batcher: its preferred sizes, priority levels, and what `preserve_ordering` excludes. */
export function validateDynamicBatching(config: ModelConfig, batching: ModelDynamicBatching): void {
  for (const size of batching.preferredBatchSize) {
    if (size <= 0) throw preferredSizeNotPositive(config.name);
    if (size > config.maxBatchSize) throw preferredSizeTooLarge(config.name, size, config.maxBatchSize);
  }
  validatePriorities(config, batching);
  if (batching.preserveOrdering) validateOrdering(config, batching);
}

function validatePriorities(config: ModelConfig, batching: ModelDynamicBatching): void {
  const { priorityLevels: levels, defaultPriorityLevel: level } = batching;
  if (levels === 0n) return;
  if (level === 0n || level > levels) throw defaultPriority(levels, config.name, level);
  for (const key of Object.keys(batching.priorityQueuePolicy)) {
    if (BigInt(key) === 0n || BigInt(key) > levels) throw priorityPolicyKey(levels, config.name, key);
  }
}

function validateOrdering(config: ModelConfig, batching: ModelDynamicBatching): void {
  if (batching.priorityLevels > 1n) throw orderingWithPriorities(config.name);
  const { defaultQueuePolicy, priorityQueuePolicy } = batching;
  if (delays(defaultQueuePolicy) || Object.values(priorityQueuePolicy).some(delays)) {
    throw orderingWithDelay(config.name);
  }
}

/** True where a request that waited too long stays in the queue. */
function delays(policy: ModelQueuePolicy | undefined): boolean {
  return policy?.timeoutAction === TimeoutAction.DELAY && policy.defaultTimeoutMicroseconds !== 0n;
}
