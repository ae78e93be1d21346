import { create } from "@bufbuild/protobuf";
import { deepEqual, equal } from "node:assert/strict";
import {
  ModelConfigSchema,
  type ModelDynamicBatching,
  ModelDynamicBatchingSchema,
  ModelQueuePolicy_TimeoutAction as TimeoutAction,
} from "../../proto/gen/model_config_pb.ts";
import { dynamicConfigOf } from "./config.ts";

type Batching = Parameters<typeof create<typeof ModelDynamicBatchingSchema>>[1];

function configOf(batching: Batching, model: { maxBatchSize?: number; eager?: boolean } = {}) {
  const { maxBatchSize = 8, eager: eagerBatching = false } = model;
  const value: ModelDynamicBatching = create(ModelDynamicBatchingSchema, batching);
  return dynamicConfigOf(create(ModelConfigSchema, { maxBatchSize, optimization: { eagerBatching } }), value);
}

Deno.test("dynamicConfigOf() prefers max_batch_size where nothing is preferred, and sorts what is", () => {
  deepEqual(configOf({}).rules, { maxBatchSize: 8, preferredSizes: [8], delayMs: 0 });
  const rules = configOf({ preferredBatchSize: [4, 2, 4], maxQueueDelayMicroseconds: 1500n }).rules;
  deepEqual(rules, { maxBatchSize: 8, preferredSizes: [2, 4], delayMs: 1.5 });
  deepEqual(configOf({}, { maxBatchSize: 0 }).rules, { maxBatchSize: 1, preferredSizes: [1], delayMs: 0 });
});

Deno.test("dynamicConfigOf() has batches formed ahead where no request has a priority or a policy, or eager_batching asks", () => {
  equal(configOf({}).prefetch, true);
  equal(configOf({ priorityLevels: 2n, defaultPriorityLevel: 1n }).prefetch, false);
  equal(configOf({ defaultQueuePolicy: { maxQueueSize: 3 } }).prefetch, false);
  equal(configOf({ defaultQueuePolicy: { maxQueueSize: 3 } }, { eager: true }).prefetch, true);
});

Deno.test("dynamicConfigOf() reads policies by level, with the default for the others", () => {
  const { priorities } = configOf({
    priorityLevels: 3n,
    defaultPriorityLevel: 2n,
    defaultQueuePolicy: { defaultTimeoutMicroseconds: 2500n, allowTimeoutOverride: true },
    priorityQueuePolicy: { 1: { timeoutAction: TimeoutAction.DELAY, maxQueueSize: 7 } },
  });
  deepEqual([priorities.levels, priorities.defaultLevel], [3, 2]);
  deepEqual(priorities.defaultPolicy, {
    timeoutAction: "REJECT",
    defaultTimeoutMs: 2.5,
    allowTimeoutOverride: true,
    maxQueueSize: undefined,
  });
  deepEqual([...priorities.policies], [[1, {
    timeoutAction: "DELAY",
    defaultTimeoutMs: Infinity,
    allowTimeoutOverride: false,
    maxQueueSize: 7,
  }]]);
});

Deno.test("dynamicConfigOf() lets no request have itself delayed where the order is preserved", () => {
  const allowed = (timeoutAction: TimeoutAction, preserveOrdering: boolean) =>
    configOf({ preserveOrdering, defaultQueuePolicy: { timeoutAction, allowTimeoutOverride: true } }).priorities
      .defaultPolicy.allowTimeoutOverride;
  equal(allowed(TimeoutAction.DELAY, true), false);
  equal(allowed(TimeoutAction.DELAY, false), true);
  equal(allowed(TimeoutAction.REJECT, true), true);
});
