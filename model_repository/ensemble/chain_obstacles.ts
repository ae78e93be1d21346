import { allowedBatchSizes } from "../../backends/allowed_batch_sizes.ts";
import type { LoadedModel } from "../../backends/backend.ts";
import { chainOfferOf } from "../../backends/onnxruntime/chain.ts";
import type { ModelConfig, ModelDynamicBatching } from "../../proto/gen/model_config_pb.ts";
import { CachingScheduler } from "../../scheduler/cache/caching_scheduler.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import { LimitedInstance } from "../../scheduler/rate_limiter/rate_limiter.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";

/** What is asked of a step's model. */
export interface ChainCandidate {
  readonly config: ModelConfig;
  readonly loaded: LoadedModel;
  readonly scheduler: Scheduler;
}

/**
 * Why a step cannot run in a chain with any other, as a clause; undefined if it can. In a chain it does not pass through its
 * model's own scheduler, so that whatever that scheduler promises about all requests of the model speaks against it.
 */
export function obstacleOf(
  { config, loaded, scheduler }: ChainCandidate,
  { modelName, inputs, decoupled }: StepDescription,
): string | undefined {
  const name = `'${modelName}'`;
  const { schedulingChoice: { case: scheduling } } = config;
  if (scheduling === "ensembleScheduling") return `${name} is an ensemble itself`;
  if (loaded.instances.some((instance) => instance instanceof LimitedInstance)) {
    return `${name} has to wait for resources of the rate limiter`;
  }
  if (!chainOfferOf(loaded)) return `some instances of ${name} do not run on the GPU`;
  if (instancesOf(loaded) === 0) return `all instances of ${name} are passive`;
  if (decoupled) return `${name} is decoupled`;
  if (scheduling === "sequenceBatching") return `${name} has sequence_batching`;
  if (scheduler instanceof CachingScheduler) return `${name} has a response cache`;
  if (config.batchInput.length + config.batchOutput.length > 0) return `${name} has batch inputs or outputs`;
  const ragged = config.maxBatchSize > 0 && config.input.find(({ allowRaggedBatch }) => allowRaggedBatch);
  if (ragged) return `input '${ragged.name}' of ${name} is ragged`;
  const batching = dynamicBatchingOf(config);
  if (batching?.preserveOrdering) return `${name} preserves the order of its requests`;
  if (batching && hasPolicies(batching)) return `${name} has priorities or a queue policy`;
  const twice = inputs.find(({ tensor }, i) => inputs.findIndex((other) => other.tensor === tensor) < i);
  if (twice) return `several inputs of ${name} read '${twice.tensor}'`;
}

/** Why a step cannot follow those of a chain, as a clause; undefined if it can. */
export function obstacleToJoining(
  index: number,
  chain: readonly number[],
  ensemble: EnsembleDescription,
  models: readonly ChainCandidate[],
): string | undefined {
  const { steps } = ensemble;
  const reader = steps[index];
  const [before, own] = [models[chain[0]], models[index]];
  const [first, name] = [`'${steps[chain[0]].modelName}'`, `'${reader.modelName}'`];
  if (isDynamic(before) !== isDynamic(own)) {
    const [one, other] = isDynamic(own) ? [name, first] : [first, name];
    return `${one} has dynamic_batching and ${other} has not`;
  }
  const counts = [before, own].map(({ loaded }) => instancesOf(loaded));
  if (counts[0] !== counts[1]) {
    return `${first} has ${counts[0]} instance${counts[0] === 1 ? "" : "s"} and ${name} has ${counts[1]}`;
  }
  const together = [...chain, index].map((step) => models[step].config);
  if (sharesBatches(together) && together.some(({ maxBatchSize }) => (maxBatchSize > 0) !== reader.batching)) {
    return `only one of ${first} and ${name} has a batch dimension`;
  }
  if (!chainSizesOf(together)) return `${first} and ${name} do not have the same allowed_batch_sizes`;
  return obstacleToReading(index, chain, ensemble, models);
}

/** Why a step cannot read what it reads where it runs in a chain. */
function obstacleToReading(
  index: number,
  chain: readonly number[],
  { inputs, steps }: EnsembleDescription,
  models: readonly ChainCandidate[],
): string | undefined {
  const [first, reader] = [steps[chain[0]], steps[index]];
  const rankOf = (dims: readonly unknown[], { batching }: StepDescription) => dims.length + Number(batching);
  let connected = false;
  for (const { tensor, dims } of reader.inputs) {
    const writer = chain.find((other) => steps[other].outputs.some((output) => output.tensor === tensor));
    if (writer === undefined) {
      // What comes from another step may be made from what this chain makes, which would have to end before it begins.
      if (!inputs.includes(tensor)) return `'${reader.modelName}' also reads '${tensor}', which comes from elsewhere`;
      const known = first.inputs.find((input) => input.tensor === tensor);
      const reshaped = known &&
        models[chain[0]].config.input.some(({ name, reshape }) => name === known.name && reshape);
      if (first.batching !== reader.batching || known && (reshaped || known.dims.length !== dims.length)) {
        return `'${first.modelName}' and '${reader.modelName}' want inputs of the ensemble in different shapes`;
      }
      continue;
    }
    connected = true;
    const { name: written } = steps[writer].outputs.find((output) => output.tensor === tensor)!;
    const output = models[writer].config.output.find((output) => output.name === written)!;
    if (rankOf(output.dims, steps[writer]) !== rankOf(dims, reader)) {
      return `'${tensor}' would have to get or lose a batch dimension`;
    }
  }
  return connected ? undefined : `'${reader.modelName}' reads nothing of '${first.modelName}'`;
}

/** How many rows a chain of models takes, and which sizes its batches are padded to. */
export interface ChainSizes {
  /** The smallest of the models'; 0 without a batch dimension. */
  readonly maxBatchSize: number;
  /** Ascending; none to run batches as they are. */
  readonly allowedSizes: readonly number[];
}

/** Undefined where the models cannot agree about the sizes that batches are padded to. */
export function chainSizesOf(configs: readonly ModelConfig[]): ChainSizes | undefined {
  const maxBatchSize = Math.min(...configs.map((config) => config.maxBatchSize));
  const lists = configs.flatMap((config) => [allowedBatchSizes(config) ?? []]).filter((sizes) => sizes.length > 0);
  const allowedSizes = lists[0] ?? [];
  const same = lists.every((sizes) => String(sizes) === String(allowedSizes));
  if (!same || lists.length > 0 && allowedSizes[allowedSizes.length - 1] !== maxBatchSize) return undefined;
  return { maxBatchSize, allowedSizes };
}

/** True if requests run together, or with padding: every model then has to give as many rows as it gets. */
export function sharesBatches(configs: readonly ModelConfig[]): boolean {
  return configs.some((config) =>
    config.maxBatchSize > 0 && (dynamicBatchingOf(config) !== undefined || allowedBatchSizes(config) !== undefined)
  );
}

export function dynamicBatchingOf({ schedulingChoice }: ModelConfig): ModelDynamicBatching | undefined {
  return schedulingChoice.case === "dynamicBatching" ? schedulingChoice.value : undefined;
}

function isDynamic({ config }: ChainCandidate): boolean {
  return dynamicBatchingOf(config) !== undefined;
}

/** Those that take requests. */
export function instancesOf({ instances }: LoadedModel): number {
  return instances.filter(({ passive }) => !passive).length;
}

function hasPolicies({ priorityLevels, defaultQueuePolicy, priorityQueuePolicy }: ModelDynamicBatching): boolean {
  return priorityLevels > 1n || defaultQueuePolicy !== undefined || Object.keys(priorityQueuePolicy).length > 0;
}
