import {
  differentDecoupledSources,
  ensembleBatchTooLarge,
  inputNotMapped,
  mappedFromNoOutput,
  mappedToNoInput,
} from "../../core/errors/ensemble.ts";
import type { ModelConfig, ModelEnsembling_Step } from "../../proto/gen/model_config_pb.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import { innerDims, TensorClaims } from "./tensor_consistency.ts";

/** The steps of an ensemble's configuration; none for other models. */
export function stepsOf({ schedulingChoice }: ModelConfig): readonly ModelEnsembling_Step[] {
  return schedulingChoice.case === "ensembleScheduling" ? schedulingChoice.value.step : [];
}

/** The version that a step asks for; undefined for the one that the model's policy prefers. */
export function versionOf({ modelVersion }: ModelEnsembling_Step): number | undefined {
  return modelVersion < 0n ? undefined : Number(modelVersion);
}

/**
 * Checks an ensemble against the models of its steps, and describes it to its scheduler.
 *
 * @param models completed configurations of the models, step by step.
 * @throws Status INVALID_ARGUMENT for the first thing that does not fit, with Triton's text first.
 */
export function describeEnsemble(config: ModelConfig, models: readonly ModelConfig[]): EnsembleDescription {
  const { name, maxBatchSize } = config;
  const batching = maxBatchSize > 0;
  const claims = new TensorClaims(name);
  for (const tensor of [...config.input, ...config.output]) claims.ofEnsemble(tensor.name, tensor, batching);
  const steps = stepsOf(config).map((step, index) => {
    const model = models[index];
    if (model.maxBatchSize !== 0 && model.maxBatchSize < maxBatchSize) {
      throw ensembleBatchTooLarge(name, maxBatchSize, step.modelName, model.maxBatchSize);
    }
    return describeStep(name, step, model, claims);
  });
  const { schedulingChoice } = config;
  return {
    name,
    batching,
    decoupled: isDecoupled(config, steps),
    inputs: config.input.map(({ name }) => name),
    outputs: config.output.map((output) => ({ name: output.name, dims: innerDims(output) })),
    steps,
    maxInflightRequests: schedulingChoice.case === "ensembleScheduling"
      ? schedulingChoice.value.maxInflightRequests
      : 0,
  };
}

function describeStep(
  ensemble: string,
  step: ModelEnsembling_Step,
  model: ModelConfig,
  claims: TensorClaims,
): StepDescription {
  const { modelName, inputMap, outputMap } = step;
  const batching = model.maxBatchSize > 0;
  const names = model.input.map(({ name }) => name);
  for (const [input, tensor] of Object.entries(inputMap)) {
    if (!names.includes(input)) throw mappedToNoInput(ensemble, tensor, input, modelName, names);
  }
  const inputs = model.input.flatMap((input) => {
    const tensor = inputMap[input.name];
    if (tensor === undefined) {
      if (input.optional) return [];
      throw inputNotMapped(ensemble, input.name, modelName);
    }
    claims.ofModel(tensor, modelName, input, batching);
    return [{ name: input.name, tensor, dims: input.dims.map(Number) }];
  });
  const outputs = Object.entries(outputMap).map(([name, tensor]) => {
    const output = model.output.find((output) => output.name === name);
    if (!output) throw mappedFromNoOutput(ensemble, tensor, name, modelName, model.output.map(({ name }) => name));
    claims.ofModel(tensor, modelName, output, batching);
    return { name, tensor };
  });
  const version = versionOf(step);
  return {
    modelName,
    modelVersion: version === undefined ? "" : String(version),
    batching,
    decoupled: model.modelTransactionPolicy?.decoupled ?? false,
    inputs,
    outputs,
  };
}

/**
 * True if an ensemble gives any number of responses. The tensors that come from one decoupled model have a number of
 * iterations of their own, so nothing may read tensors from two of them.
 *
 * @throws Status INVALID_ARGUMENT where something does.
 */
function isDecoupled({ name, input, output }: ModelConfig, steps: readonly StepDescription[]): boolean {
  // Which decoupled step a tensor comes from at last; 0 for none.
  const sources = new Map(input.map(({ name }) => [name, 0]));
  let decoupled = 0;
  for (let left = [...steps]; left.length > 0;) {
    const ready = left.filter(({ inputs }) => inputs.every(({ tensor }) => sources.has(tensor)));
    // Circles are found before models are: where none is ready, something is wrong elsewhere.
    if (ready.length === 0) break;
    for (const step of ready) {
      const source = onlySource(step.inputs.map(({ tensor }) => tensor), sources, name, step.modelName);
      const next = step.decoupled ? ++decoupled : source;
      for (const { tensor } of step.outputs) sources.set(tensor, next);
    }
    left = left.filter((step) => !ready.includes(step));
  }
  onlySource(output.map(({ name }) => name), sources, name, name);
  return decoupled > 0;
}

function onlySource(
  tensors: readonly string[],
  sources: ReadonlyMap<string, number>,
  ensemble: string,
  reader: string,
): number {
  const found = new Set(tensors.map((tensor) => sources.get(tensor) ?? 0));
  if (found.size > 1) throw differentDecoupledSources(ensemble, reader);
  return [...found][0] ?? 0;
}
