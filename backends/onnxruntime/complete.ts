import { create } from "@bufbuild/protobuf";
import { configTypeName, configTypeOf } from "../../core/data_type.ts";
import { autofillWithoutBatching, nonTensorInput, unsupportedDatatype } from "../../core/errors/onnxruntime.ts";
import {
  type ModelConfig,
  ModelDynamicBatchingSchema,
  type ModelInput,
  ModelInputSchema,
  type ModelOutput,
  ModelOutputSchema,
  ModelTensorReshapeSchema,
} from "../../proto/gen/model_config_pb.ts";
import { tensorText } from "./describe.ts";
import type { GraphTensor, OnnxGraph } from "./graph.ts";

/**
 * Fills what a configuration leaves out from the graph, by the rules of Triton's ONNX backend: a missing input or output
 * list comes from the graph, and with it `max_batch_size` and `dynamic_batching` where every tensor's first dimension is
 * free. A config with both lists keeps its batching as it is. Beyond Triton, a listed tensor without `data_type` or
 * `dims` gets them from the graph, and tensors that sequence batching feeds are not listed as inputs.
 *
 * @param config changed in place.
 * @param info takes one line for each thing that a user may want to know.
 * @throws Status UNSUPPORTED for an input that is no tensor; INVALID_ARGUMENT where `max_batch_size` is set and the graph
 *   cannot batch; INTERNAL for an element type that cannot be served.
 */
export function completeConfig(
  config: ModelConfig,
  graph: OnnxGraph,
  defaultMaxBatchSize: number,
  info: (message: string) => void,
): void {
  for (const { name, onnxType, type } of graph.nonTensorInputs) {
    throw nonTensorInput(config.name, name, onnxType, type);
  }
  config.defaultModelFilename ||= "model.onnx";
  const inputsMissing = config.input.length + config.batchInput.length === 0;
  const outputsMissing = config.output.length === 0;
  if (inputsMissing || outputsMissing) completeBatching(config, graph, defaultMaxBatchSize, info);
  const batching = config.maxBatchSize > 0;
  if (inputsMissing) {
    const fed = fedBySequences(config);
    config.input = graph.inputs.filter((tensor) => !fed.has(tensor.name)).map((tensor) =>
      create(ModelInputSchema, newEntry(config.name, "input", tensor, batching))
    );
  }
  if (outputsMissing) {
    for (const { name, type } of graph.nonTensorOutputs) {
      info(`output '${name}' of model '${config.name}' is left out: it is a ${type}, and only tensors can be served`);
    }
    config.output = graph.outputs.map((tensor) =>
      create(ModelOutputSchema, newEntry(config.name, "output", tensor, batching))
    );
  }
  fillEntries(config.input, [...graph.inputs, ...graph.overridable], batching);
  fillEntries(config.output, graph.outputs, batching);
}

function completeBatching(
  config: ModelConfig,
  graph: OnnxGraph,
  defaultMaxBatchSize: number,
  info: (message: string) => void,
): void {
  const fixed = [...graph.inputs, ...graph.outputs].find((tensor) => tensor.shape?.[0] !== -1);
  if (fixed) {
    if (config.maxBatchSize !== 0) {
      throw autofillWithoutBatching(config.name, config.maxBatchSize, tensorText(fixed));
    }
    return;
  }
  if (config.maxBatchSize === 0) {
    config.maxBatchSize = defaultMaxBatchSize;
    info(
      `autofilled max_batch_size to ${defaultMaxBatchSize} for model '${config.name}' since batching is supported but ` +
        "no max_batch_size is specified in model configuration. Must specify max_batch_size to utilize autofill with a " +
        "larger max batch size",
    );
  }
  if (config.maxBatchSize > 1 && config.schedulingChoice.case === undefined) {
    config.schedulingChoice = { case: "dynamicBatching", value: create(ModelDynamicBatchingSchema) };
  }
}

/** Names of the graph's inputs that the server fills itself: sequence controls and states. */
export function fedBySequences(config: ModelConfig): Set<string> {
  const names = new Set<string>();
  if (config.schedulingChoice.case === "sequenceBatching") {
    for (const input of config.schedulingChoice.value.controlInput) names.add(input.name);
    for (const state of config.schedulingChoice.value.state) names.add(state.inputName);
  }
  return names;
}

function newEntry(model: string, kind: "input" | "output", tensor: GraphTensor, batching: boolean) {
  if (!tensor.datatype || tensor.datatype === "BF16") {
    throw unsupportedDatatype(
      model,
      kind,
      tensor.name,
      tensor.datatype ? configTypeName(tensor.datatype) : tensor.elementType,
    );
  }
  const dims = configDims(tensor, batching);
  // An empty reshape is how a batching model says "one value per row"; without batching, scalars are dims [1].
  const reshape = batching && dims.length === 0 ? create(ModelTensorReshapeSchema) : undefined;
  return {
    name: tensor.name,
    dataType: configTypeOf(tensor.datatype),
    dims: dims.length === 0 ? [1n] : dims,
    reshape,
  };
}

/** The graph's shape as `dims`: without the batch dimension where the model batches. An unknown shape is one free one. */
function configDims(tensor: GraphTensor, batching: boolean): bigint[] {
  return (tensor.shape?.slice(batching ? 1 : 0) ?? [-1]).map(BigInt);
}

function fillEntries(entries: (ModelInput | ModelOutput)[], tensors: readonly GraphTensor[], batching: boolean): void {
  for (const entry of entries) {
    if (entry.dataType !== 0 && entry.dims.length > 0) continue;
    const tensor = tensors.find(({ name }) => name === entry.name);
    if (!tensor) continue;
    if (entry.dataType === 0 && tensor.datatype) entry.dataType = configTypeOf(tensor.datatype);
    if (entry.dims.length === 0) {
      const dims = configDims(tensor, batching);
      entry.dims = dims.length === 0 ? [1n] : dims;
      if (dims.length === 0 && batching) entry.reshape ??= create(ModelTensorReshapeSchema);
    }
  }
}
