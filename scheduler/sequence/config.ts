import type { ModelInstance } from "../../backends/backend.ts";
import type { InferenceRequest } from "../../core/inference.ts";
import type { ModelConfig, ModelSequenceBatching } from "../../proto/gen/model_config_pb.ts";
import { shapeKeyOf } from "../shape_key.ts";
import { ControlTensors } from "./controls.ts";
import { DirectStrategy } from "./direct.ts";
import { OldestStrategy } from "./oldest.ts";
import type { SequenceSlot } from "./sequence.ts";
import type { SequenceStrategy } from "./strategy.ts";

/** Executions that an instance holds at once where their order does not matter: one runs, one is ready. */
const PREFETCH = 2;

/** `sequence_batching` of a configuration, as the scheduler uses it. */
export interface SequenceConfig {
  /** Sequences that one instance works on at once. */
  readonly slots: number;
  readonly maxIdleMicros: number;
  readonly iterative: boolean;
  /** What executes together are single requests of sequences, not what all slots hold: the oldest strategy. */
  readonly oneByOne: boolean;
  /** There are implicit states. */
  readonly stateful: boolean;
  /** States may have other shapes the longer a sequence is. */
  readonly growing: boolean;
  /** Outputs of a request that names none; empty where that means all. */
  readonly outputs: readonly string[];
  readonly controls: ControlTensors;
  shapeKey(request: InferenceRequest): string;
  strategy(slots: readonly SequenceSlot[]): SequenceStrategy;
  concurrency(instance: ModelInstance): () => number;
}

/** Reads a completed configuration. Slots per instance: `max_batch_size`, with oldest `max_candidate_sequences`. */
export function sequenceConfigOf(config: ModelConfig, batching: ModelSequenceBatching): SequenceConfig {
  const rows = Math.max(1, config.maxBatchSize);
  const stateful = batching.state.length > 0;
  const shared = {
    maxIdleMicros: Number(batching.maxSequenceIdleMicroseconds),
    iterative: batching.iterativeSequence,
    stateful,
    growing: batching.state.some(({ dims }) => dims.some((dim) => dim < 0n)),
    outputs: stateful ? config.output.map(({ name }) => name) : [],
    controls: new ControlTensors(batching, config.maxBatchSize),
    shapeKey: shapeKeyOf(config),
  };
  if (batching.strategyChoice.case === "oldest") {
    const oldest = batching.strategyChoice.value;
    const preferred = oldest.preferredBatchSize.toSorted((a, b) => a - b);
    const rules = {
      maxBatchSize: rows,
      preferredSizes: preferred.length > 0 ? preferred : [rows],
      delayMs: Number(oldest.maxQueueDelayMicroseconds) / 1000,
    };
    return {
      ...shared,
      oneByOne: true,
      slots: oldest.maxCandidateSequences > 0 ? oldest.maxCandidateSequences : rows,
      strategy: (slots) => new OldestStrategy(rules, slots.length),
      concurrency: (instance) => oldest.preserveOrdering ? () => 1 : () => Math.min(PREFETCH, instance.capacity),
    };
  }
  const direct = batching.strategyChoice.case === "direct" ? batching.strategyChoice.value : undefined;
  const options = {
    delayMs: Number(direct?.maxQueueDelayMicroseconds ?? 0n) / 1000,
    minimumSlotUtilization: direct?.minimumSlotUtilization ?? 0,
  };
  return {
    ...shared,
    oneByOne: false,
    slots: rows,
    strategy: (slots) => new DirectStrategy(slots, options),
    concurrency: () => () => 1,
  };
}
