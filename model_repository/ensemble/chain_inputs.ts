import { chainOfferOf } from "../../backends/onnxruntime/chain.ts";
import { generateInputs, inputPlans } from "../../backends/onnxruntime/check_inputs.ts";
import type { GraphTensor } from "../../backends/onnxruntime/graph.ts";
import { warmupSamples } from "../../backends/warmup_samples.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { EnsembleDescription, StepInput } from "../../scheduler/ensemble/description.ts";
import type { ServedModel } from "../served_model.ts";
import type { GpuChain } from "./gpu_chain.ts";
import { innerDims } from "./tensor_consistency.ts";

/** The ensemble that a chain belongs to. */
export interface ChainSurroundings {
  readonly config: ModelConfig;
  readonly description: EnsembleDescription;
  /** Of all steps. */
  readonly models: readonly ServedModel[];
}

/**
 * What a chain might be given, named as the tensors of the ensemble: the warmup samples of its first model, then generated
 * values in shapes that fit what the ensemble says of these tensors. Whether the steps take it, only they know.
 */
export async function* chainInputs(chain: GpuChain, surroundings: ChainSurroundings): AsyncGenerator<Tensor[]> {
  const { requests: { inputs: given }, part: { steps: [first] }, models: [model], sizes } = chain;
  const { graph, directory } = chainOfferOf(model.loaded)!;
  for (const { requests } of await samplesOf(model.config, directory)) {
    const sample = requests[0].inputs.flatMap((input) => {
      const mapped = first.inputs.find(({ name }) => name === input.name);
      return mapped ? [{ ...input, name: mapped.tensor }] : [];
    });
    if (sample.length === given.length) yield sample;
  }
  const inputs = withNamesFixed(given.map((input) => graphInput(input, chain, surroundings)));
  for (const plan of inputPlans({ inputs, outputs: graph.outputs })) {
    if (sizes.maxBatchSize > 0 && plan.shapes.some(([rows]) => rows > sizes.maxBatchSize)) continue;
    yield generateInputs(inputs, plan, 1);
  }
}

/** An input of a chain as its graph has it, with the name and the shape that it has in the ensemble. */
function graphInput(
  { tensor }: StepInput,
  { part: { steps }, models }: GpuChain,
  surroundings: ChainSurroundings,
): GraphTensor {
  const reader = steps.findIndex(({ inputs }) => inputs.some((input) => input.tensor === tensor));
  const { batching, inputs } = steps[reader];
  const { name, dims } = inputs.find((input) => input.tensor === tensor)!;
  const { config, loaded } = models[reader];
  const { graph } = chainOfferOf(loaded)!;
  const own = [...graph.inputs, ...graph.overridable].find((input) => input.name === name)!;
  const shape = knownShape(tensor, batching ? [-1, ...dims] : dims, surroundings);
  const reshaped = config.input.some((input) => input.name === name && input.reshape);
  // Names of dimensions mean the same within one graph only.
  const named = reader === 0 && !reshaped && own.symbols.length === shape.length;
  return { ...own, name: tensor, shape, symbols: named ? own.symbols : shape.map(() => "") };
}

/** What is wrong with samples was reported when their model was warmed up. */
async function samplesOf(config: ModelConfig, directory: string) {
  try {
    return await warmupSamples(config, directory);
  } catch {
    return [];
  }
}

/** The full shape of a tensor, with the dimensions that anybody fixes who reads or writes it in the same rank. */
function knownShape(
  tensor: string,
  shape: readonly number[],
  { config, description, models }: ChainSurroundings,
): readonly number[] {
  const known = [...shape];
  const learn = (dims: readonly number[], batching: boolean) => {
    const full = batching ? [-1, ...dims] : dims;
    if (full.length === known.length) full.forEach((dim, i) => known[i] = known[i] === -1 ? dim : known[i]);
  };
  for (const input of config.input) if (input.name === tensor) learn(innerDims(input), description.batching);
  description.steps.forEach(({ inputs, outputs, batching }, index) => {
    for (const input of inputs) if (input.tensor === tensor) learn(input.dims, batching);
    for (const { name, tensor: written } of outputs) {
      const output = models[index].config.output.find((output) => output.name === name);
      if (written === tensor && output) learn(output.dims.map(Number), batching);
    }
  });
  return known;
}

/** A named dimension that one input fixes is fixed in the others too. */
function withNamesFixed(inputs: readonly GraphTensor[]): GraphTensor[] {
  const sizes = new Map<string, number>();
  for (const { shape, symbols } of inputs) {
    shape!.forEach((dim, i) => {
      if (dim !== -1 && symbols[i]) sizes.set(symbols[i], dim);
    });
  }
  return inputs.map((input) => ({
    ...input,
    shape: input.shape!.map((dim, i) => dim === -1 ? sizes.get(input.symbols[i]) ?? -1 : dim),
  }));
}
