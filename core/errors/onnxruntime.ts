/**
 * Errors of the ONNX Runtime backend: settings, model files, and configurations that do not fit their graph. The texts
 * start as Triton's `onnxruntime_backend` words them; what the graph really has, and what to do, follows.
 */
import { declare } from "./declare.ts";

/** Some models list every weight as an input: what a message shows of a long list. */
const SHOWN = 20;

function list(items: readonly string[]): string {
  if (items.length === 0) return "none";
  const more = items.length > SHOWN ? `, and ${items.length - SHOWN} more` : "";
  return items.slice(0, SHOWN).join(", ") + more;
}

export const modelFileMissing = declare(
  "UNAVAILABLE",
  (model: string, path: string, hint: string) => `unable to find '${path}' for model instance '${model}'${hint}`,
);

export const modelFileCorrupt = declare(
  "INTERNAL",
  (path: string, bytes: number, reason: string) =>
    `onnx runtime error 7: Load model from ${path} failed:Protobuf parsing failed. The file (${bytes} bytes) is not a ` +
    `complete ONNX model: ${reason}. Export or copy it again`,
);

export const nonTensorInput = declare(
  "UNSUPPORTED",
  (model: string, input: string, onnxType: string, type: string) =>
    `Unsupported ONNX Type '${onnxType}' for I/O '${input}', expected 'ONNX_TYPE_TENSOR'. Input '${input}' of model ` +
    `'${model}' is a ${type}; export the model with tensor inputs only`,
);

export const autofillWithoutBatching = declare(
  "INVALID_ARGUMENT",
  (model: string, maxBatchSize: number, tensor: string) =>
    `autofill failed for model '${model}': model does not support batching while non-zero max_batch_size is ` +
    `specified. max_batch_size is ${maxBatchSize}, but the first dimension of ${tensor} is not free; set ` +
    `max_batch_size to 0 or export the model with a free first dimension`,
);

export const inputCount = declare(
  "INVALID_ARGUMENT",
  (model: string, expected: number, provided: number, present: readonly string[], hint: string) =>
    `unable to load model '${model}', configuration expects ${expected} inputs, model provides ${provided}: ` +
    `${list(present)}${hint}`,
);

export const unexpectedInput = declare(
  "INVALID_ARGUMENT",
  (name: string, allowed: readonly string[], hint: string, present: readonly string[]) =>
    `unexpected inference input '${name}', allowed inputs are: ${list(allowed)}${hint}. The graph has inputs ` +
    list(present),
);

export const unexpectedOutput = declare(
  "INVALID_ARGUMENT",
  (name: string, allowed: readonly string[], hint: string, present: readonly string[]) =>
    `unexpected inference output '${name}', allowed outputs are: ${list(allowed)}${hint}. The graph has outputs ` +
    list(present),
);

export const optionalInBatchingModel = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string) =>
    `unable to load model '${model}', optional input '${input}' is not supported for models that support batching. ` +
    `Set max_batch_size to 0 or remove 'optional'`,
);

export const unsupportedDatatype = declare(
  "INTERNAL",
  (model: string, kind: "input" | "output", name: string, type: string) =>
    `unsupported datatype ${type} for ${kind} '${name}' for model '${model}'. ONNX Runtime has no such tensors here; ` +
    `export the model with FP32 or FP16 instead`,
);

export const datatypeMismatch = declare(
  "INVALID_ARGUMENT",
  (model: string, kind: "input" | "output", name: string, configured: string, provided: string) =>
    `unable to load model '${model}', configuration expects datatype ${configured} for ${kind} '${name}', model ` +
    `provides ${provided}`,
);

export const notBatchable = declare(
  "INVALID_ARGUMENT",
  (model: string, tensor: string, shape: string) =>
    `model '${model}', tensor '${tensor}': for the model to support batching the shape should have at least 1 ` +
    `dimension and the first dimension must be -1; but shape expected by the model is ${shape}. Set max_batch_size to ` +
    `0 and give the full shape in dims, or export the model with a free first dimension`,
);

export const batchedShapeMismatch = declare(
  "INVALID_ARGUMENT",
  (model: string, tensor: string, rank: number, shape: string, configuredRank: number, configured: string) =>
    `model '${model}', tensor '${tensor}': the model expects ${rank} dimensions (shape ${shape}) but the model ` +
    `configuration specifies ${configuredRank} dimensions (an initial batch dimension because max_batch_size > 0 ` +
    `followed by the explicit tensor shape, making complete shape ${configured})`,
);

export const shapeMismatch = declare(
  "INVALID_ARGUMENT",
  (model: string, tensor: string, rank: number, shape: string, configuredRank: number, configured: string) =>
    `model '${model}', tensor '${tensor}': the model expects ${rank} dimensions (shape ${shape}) but the model ` +
    `configuration specifies ${configuredRank} dimensions (shape ${configured})`,
);

export const scalarDims = declare(
  "INVALID_ARGUMENT",
  (model: string, tensor: string, dims: string) =>
    `unable to load model '${model}', scalar tensor '${tensor}', should only provide 1 in the model configuration ` +
    `when the model doesn't support batching. Model configuration provided: ${dims}.`,
);

export const raggedShape = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string, shape: string) =>
    `unable to load model '${model}', configuration expects model provides input with shape [-1] for ragged input ` +
    `'${input}', model provides ${shape}`,
);

export const raggedOptional = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string) =>
    `unable to load model '${model}', configuration expects model provides input with shape [-1] for ragged input ` +
    `'${input}', which is not supported for optional input`,
);

export const controlMissing = declare(
  "INTERNAL",
  (name: string, hint: string, present: readonly string[]) =>
    `configuration specified sequence control '${name}', but model does not provide that input${hint}. The graph has ` +
    `inputs ${list(present)}`,
);

export const controlDims = declare(
  "INVALID_ARGUMENT",
  (model: string, name: string, dims: string) =>
    `unable to load model '${model}', sequence control '${name}' in model has dims ${dims} but dims [1] is expected`,
);

export const controlDatatype = declare(
  "INVALID_ARGUMENT",
  (model: string, name: string, provided: string, configured: string) =>
    `unable to load model '${model}', sequence control '${name}', the model expects data-type ${provided} but the ` +
    `model configuration specifies data-type ${configured}`,
);

export const stateMissing = declare(
  "INVALID_ARGUMENT",
  (model: string, kind: "input" | "output", name: string, hint: string, present: readonly string[]) =>
    `unable to load model '${model}', sequence state ${kind} '${name}' is not provided by the model${hint}. The graph ` +
    `has ${kind}s ${list(present)}`,
);

export const customOperations = declare(
  "UNSUPPORTED",
  (model: string, file: string) =>
    `unable to load model '${model}', custom operation library '${file}' cannot be loaded: native operators are not ` +
    `supported. Export the model with standard operators and remove 'model_operations'`,
);

export const unknownAccelerator = declare(
  "INVALID_ARGUMENT",
  (name: string, hint: string) =>
    `unknown Execution Accelerator '${name}' is requested${hint}. Known here: webgpu; tensorrt, cuda and openvino are ` +
    `accepted without effect`,
);

export const acceleratorParameter = declare(
  "INVALID_ARGUMENT",
  (name: string, value: string, expected: string) =>
    `unsupported value '${value}' for parameter '${name}' of Execution Accelerator 'webgpu', expected ${expected}`,
);

export const executionMode = declare(
  "INVALID_ARGUMENT",
  (value: string) =>
    `Invalid configuration value provided. Expected values for execution_mode are 0 or 1 but got ${value} .`,
);

export const parameterNotInteger = declare(
  "INVALID_ARGUMENT",
  (name: string, value: string) =>
    `failed to convert '${value}' to integral number, parameter '${name}' of the model configuration expects an ` +
    `integer of at least 0`,
);

export const parameterNotBoolean = declare(
  "INVALID_ARGUMENT",
  (name: string, value: string) =>
    `failed to convert '${value}' to boolean value, parameter '${name}' of the model configuration expects 0, 1, ` +
    `false or true`,
);

export const settingInvalid = declare(
  "INVALID_ARGUMENT",
  (key: string, value: string, expected: string) =>
    `unexpected value '${value}' for --backend-config=onnxruntime,${key}=${value}: expected ${expected}`,
);

/** Said inside the server: the steps are run one by one then, and say it in their own words. */
export const chainLinkShape = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string, got: readonly number[], expected: readonly number[]) =>
    `input '${input}' of model '${model}' gets the shape [${got}] within a chain of models on the GPU, but expects ` +
    `[${expected}]`,
);
