import { configTypeName, DATA_TYPES, type DataType } from "../../core/data_type.ts";
import * as errors from "../../core/errors/onnxruntime.ts";
import type { ModelConfig, ModelInput, ModelOutput, ModelSequenceBatching } from "../../proto/gen/model_config_pb.ts";
import { ModelSequenceBatching_Control_Kind as ControlKind } from "../../proto/gen/model_config_pb.ts";
import { didYouMean, shapeText, tensorText, typeText } from "./describe.ts";
import type { GraphTensor, OnnxGraph } from "./graph.ts";

type Kind = "input" | "output";

/**
 * Checks that a completed configuration fits the graph, in the order and words of Triton's ONNX backend. Two checks are
 * wider than Triton's: the dims of an output may be fixed where the file says they are free (Triton compares with what
 * ONNX Runtime infers beyond the file), and tensors whose shape the file does not give may have any.
 *
 * @throws Status as declared in `core/errors/onnxruntime.ts`.
 */
export function validateConfig(config: ModelConfig, graph: OnnxGraph): void {
  for (const file of config.modelOperations?.opLibraryFilename ?? []) throw errors.customOperations(config.name, file);
  for (const { name, onnxType, type } of graph.nonTensorInputs) {
    throw errors.nonTensorInput(config.name, name, onnxType, type);
  }
  const sequence = config.schedulingChoice.case === "sequenceBatching" ? config.schedulingChoice.value : undefined;
  if (sequence) checkControls(config, graph, sequence);
  checkInputCount(config, graph, sequence);
  const given = [...graph.inputs, ...graph.overridable];
  for (const input of config.input) checkInput(config, input, given);
  const scattered = new Set(config.batchOutput.flatMap((output) => output.targetName));
  for (const output of config.output) {
    const tensor = find("output", output.name, graph.outputs);
    checkType(config.name, "output", output.name, output.dataType, tensor);
    if (!scattered.has(output.name)) checkShape(config, output, tensor);
  }
  for (const batchInput of config.batchInput) {
    for (const name of batchInput.targetName) {
      checkType(config.name, "input", name, batchInput.dataType, find("input", name, given));
    }
  }
  for (const state of sequence?.state ?? []) {
    checkType(
      config.name,
      "input",
      state.inputName,
      state.dataType,
      findState(config, "input", state.inputName, graph),
    );
    checkType(
      config.name,
      "output",
      state.outputName,
      state.dataType,
      findState(config, "output", state.outputName, graph),
    );
  }
}

function checkControls(config: ModelConfig, graph: OnnxGraph, sequence: ModelSequenceBatching): void {
  for (const { name, control } of sequence.controlInput) {
    const tensor = graph.inputs.find((input) => input.name === name);
    if (!tensor) {
      throw errors.controlMissing(
        name,
        didYouMean(name, graph.inputs.map((input) => input.name)),
        listed(graph.inputs),
      );
    }
    const dims = tensor.shape?.slice(config.maxBatchSize > 0 ? 1 : 0);
    if (dims && (dims.length !== 1 || dims[0] !== 1)) {
      throw errors.controlDims(config.name, name, shapeText(dims));
    }
    for (const each of control) {
      const datatype = controlDatatype(each);
      if (datatype && datatype !== tensor.datatype) {
        throw errors.controlDatatype(config.name, name, tensor.elementType, configTypeName(datatype));
      }
    }
  }
}

function controlDatatype(control: ModelSequenceBatching["controlInput"][number]["control"][number]) {
  if (control.kind === ControlKind.CONTROL_SEQUENCE_CORRID) return DATA_TYPES[control.dataType];
  if (control.int32FalseTrue.length > 0) return "INT32";
  if (control.fp32FalseTrue.length > 0) return "FP32";
  return control.boolFalseTrue.length > 0 ? "BOOL" : undefined;
}

/** Every input of the graph must be fed by the config: as an input, by batching, or by sequences. */
function checkInputCount(config: ModelConfig, graph: OnnxGraph, sequence: ModelSequenceBatching | undefined): void {
  const required = config.input.filter((input) => !input.optional);
  const listedNames = new Set(config.input.map((input) => input.name));
  const fed = new Set<string>();
  for (const input of config.batchInput) for (const name of input.targetName) fed.add(name);
  for (const input of sequence?.controlInput ?? []) fed.add(input.name);
  for (const state of sequence?.state ?? []) fed.add(state.inputName);
  const expected = required.length + [...fed].filter((name) => !listedNames.has(name)).length;
  if (expected === graph.inputs.length) return;
  const optional = config.input.filter((input) => input.optional && graph.inputs.some((t) => t.name === input.name));
  const hint = optional.length === 0
    ? ""
    : `. Optional inputs need an initializer in the graph, and '${optional[0].name}' has none: remove 'optional'`;
  throw errors.inputCount(config.name, expected, graph.inputs.length, listed(graph.inputs), hint);
}

function checkInput(config: ModelConfig, input: ModelInput, given: readonly GraphTensor[]): void {
  if (input.optional && config.maxBatchSize > 0) throw errors.optionalInBatchingModel(config.name, input.name);
  const tensor = find("input", input.name, given);
  checkType(config.name, "input", input.name, input.dataType, tensor);
  if (!input.allowRaggedBatch) return checkShape(config, input, tensor);
  if (input.optional) throw errors.raggedOptional(config.name, input.name);
  if (tensor.shape && (tensor.shape.length !== 1 || tensor.shape[0] !== -1)) {
    throw errors.raggedShape(config.name, input.name, shapeText(tensor.shape));
  }
}

function find(kind: Kind, name: string, tensors: readonly GraphTensor[]): GraphTensor {
  const tensor = tensors.find((each) => each.name === name);
  if (tensor) return tensor;
  const names = tensors.map((each) => each.name);
  const error = kind === "input" ? errors.unexpectedInput : errors.unexpectedOutput;
  throw error(name, names, didYouMean(name, names), listed(tensors));
}

function findState(config: ModelConfig, kind: Kind, name: string, graph: OnnxGraph): GraphTensor {
  const tensors = kind === "input" ? graph.inputs : graph.outputs;
  const tensor = tensors.find((each) => each.name === name);
  if (tensor) return tensor;
  throw errors.stateMissing(config.name, kind, name, didYouMean(name, tensors.map((t) => t.name)), listed(tensors));
}

function checkType(model: string, kind: Kind, name: string, configured: number, tensor: GraphTensor): void {
  const datatype: DataType | undefined = DATA_TYPES[configured];
  const text = datatype ? configTypeName(datatype) : "TYPE_INVALID";
  if (!datatype || datatype === "BF16") {
    throw errors.unsupportedDatatype(model, kind, name, datatype ? text : typeText(tensor));
  }
  if (datatype !== tensor.datatype) throw errors.datatypeMismatch(model, kind, name, text, typeText(tensor));
}

function checkShape(config: ModelConfig, entry: ModelInput | ModelOutput, tensor: GraphTensor): void {
  const { shape } = tensor;
  if (!shape) return;
  const dims = (entry.reshape ? entry.reshape.shape : entry.dims).map(Number);
  if (config.maxBatchSize > 0) {
    if (shape[0] !== -1) throw errors.notBatchable(config.name, entry.name, shapeText(shape));
    const full = [-1, ...dims];
    if (!fits(shape, full)) {
      throw errors.batchedShapeMismatch(
        config.name,
        entry.name,
        shape.length,
        shapeText(shape),
        full.length,
        shapeText(full),
      );
    }
  } else if (shape.length === 0) {
    if (dims.some((dim) => dim !== 1)) throw errors.scalarDims(config.name, entry.name, shapeText(dims));
  } else if (!fits(shape, dims)) {
    throw errors.shapeMismatch(config.name, entry.name, shape.length, shapeText(shape), dims.length, shapeText(dims));
  }
}

/** A free dimension of the graph takes any; a fixed one must be named as it is. */
function fits(graph: readonly number[], configured: readonly number[]): boolean {
  return graph.length === configured.length && graph.every((dim, i) => dim === -1 || dim === configured[i]);
}

function listed(tensors: readonly GraphTensor[]): string[] {
  return tensors.map(tensorText);
}
