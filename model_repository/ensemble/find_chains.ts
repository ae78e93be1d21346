import type { LoadedModel } from "../../backends/backend.ts";
import { chainOptionsOf } from "../../backends/onnxruntime/chain.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";

/** What is asked of a step's model. */
export interface ChainCandidate {
  readonly config: ModelConfig;
  readonly loaded: LoadedModel;
}

/**
 * The steps that can run one after the other in one GPU worker, as lists of their numbers: each reads nothing but what the
 * steps before it in the list have written, except for the first. A step is in one list at most, and no list has only one.
 */
export function findChains({ steps }: EnsembleDescription, models: readonly ChainCandidate[]): number[][] {
  const left = new Set(inOrder(steps).filter((index) => isChainable(models[index], steps[index])));
  const chains: number[][] = [];
  for (const first of [...left]) {
    if (!left.delete(first)) continue;
    const chain = [first];
    for (let next = true; next;) {
      const found = [...left].find((index) => follows(index, chain, steps, models));
      next = found !== undefined;
      if (found === undefined) continue;
      left.delete(found);
      chain.push(found);
    }
    if (chain.length > 1) chains.push(chain);
  }
  return chains;
}

/** Numbers of the steps, each after those whose tensors it reads. */
function inOrder(steps: readonly StepDescription[]): number[] {
  const writers = new Map(steps.flatMap(({ outputs }, index) => outputs.map(({ tensor }) => [tensor, index])));
  const order = new Set<number>();
  const visit = (index: number) => {
    for (const { tensor } of steps[index].inputs) {
      const writer = writers.get(tensor);
      if (writer !== undefined && !order.has(writer)) visit(writer);
    }
    order.add(index);
  };
  for (const index of steps.keys()) if (!order.has(index)) visit(index);
  return [...order];
}

/**
 * True for a model that runs each request on its own, on WebGPU, with shapes that need no change. One that batches requests
 * of many clients, or has a cache, gains more by that than by what stays on the GPU.
 */
function isChainable({ config, loaded }: ChainCandidate, { inputs, decoupled }: StepDescription): boolean {
  const options = chainOptionsOf(loaded);
  return options !== undefined && !decoupled && config.schedulingChoice.case === undefined &&
    !config.responseCache?.enable && config.batchInput.length === 0 && config.batchOutput.length === 0 &&
    config.instanceGroup.every(({ rateLimiter }) => !rateLimiter) &&
    [...config.input, ...config.output].every(({ reshape }) => !reshape) &&
    [...options.inputs, ...options.outputs].every(({ scalar }) => !scalar) &&
    new Set(inputs.map(({ tensor }) => tensor)).size === inputs.length;
}

/** True if all that a step reads comes from the chain, in the shape in which it wants it. */
function follows(
  index: number,
  chain: readonly number[],
  steps: readonly StepDescription[],
  models: readonly ChainCandidate[],
): boolean {
  const reader = steps[index];
  return reader.inputs.length > 0 && reader.inputs.every(({ tensor, dims }) => {
    const writer = chain.find((other) => steps[other].outputs.some((output) => output.tensor === tensor));
    if (writer === undefined) return false;
    const { name } = steps[writer].outputs.find((output) => output.tensor === tensor)!;
    const output = models[writer].config.output.find((output) => output.name === name)!;
    return output.dims.length + Number(steps[writer].batching) === dims.length + Number(reader.batching);
  });
}
