/**
 * Configurations that are well-formed but wrong. Triton finds the first part while it polls the repository, the second
 * while it loads the model; its texts come first, then what to do.
 */
import { declare } from "./declare.ts";

const invalid = <Args extends unknown[]>(template: (...args: Args) => string) => declare("INVALID_ARGUMENT", template);

const didYouMean = (nearest: string | undefined): string => nearest === undefined ? "" : ` Did you mean '${nearest}'?`;

// Found while polling: the model as a whole.

export const unexpectedDirectory = invalid((directory: string, name: string) =>
  `unexpected directory name '${directory}' for model '${name}', directory name must equal model name; set name: ` +
  `"${directory}" or leave it out`
);
export const noBackend = invalid((model: string) =>
  `Invalid model name: Could not determine backend for model '${model}' with no backend in model configuration. ` +
  `Expected model name of the form 'model.<backend_name>'. Set 'backend' in its config.pbtxt, or put a model.onnx into ` +
  `its version directory`
);
export const unexpectedPlatform = invalid((platform: string, model: string) =>
  `unexpected platform type '${platform}' for ${model}; expected "onnxruntime_onnx" or "ensemble", or a 'backend'`
);
export const platformBackendPair = invalid((platform: string, backend: string, expected: string) =>
  `unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}; the platform of backend '${backend}' is ` +
  `'${expected}'`
);
export const negativeMaxBatchSize = invalid((model: string) =>
  `'max_batch_size' must be non-negative value for ${model}`
);
export const cacheWithSequences = invalid((model: string) =>
  `Response Cache does not currently support model ${model} with sequence batching scheduler. Please disable the ` +
  `response cache.`
);
export const cacheWithDecoupled = invalid((model: string) =>
  `Response Cache does not currently support model ${model} with 'decoupled' transaction policy. Please disable the ` +
  `response cache.`
);
export const unknownAgent = invalid((agent: string) =>
  `unable to find 'libtritonrepoagent_${agent}.so' for repo agent '${agent}'; this server has no repository agents`
);
export const metricWithoutIdentifier = invalid(() => "metric control must specify 'metric_identifier'");
export const metricWithoutFamily = invalid(() => "metric identifier must specify non-empty 'family'");
export const metricWithoutHistogram = invalid(() => "metric control must specify 'histogram_options'");
export const histogramWithoutBuckets = invalid(() => "histogram options must specify non-empty 'buckets'");
export const invalidOverride = invalid((reason: string) => `Invalid config override: ${reason}`);
export const overrideNotAnObject = invalid(() =>
  "Invalid config override: the root must be a JSON object with the fields of the model configuration"
);
/** @param nearest the field that was probably meant. */
export const unknownOverrideField = invalid((path: string, nearest: string | undefined) =>
  `Invalid config override: ${path}: Cannot find field.${didYouMean(nearest)}`
);
/** @param nearest the value that was probably meant. */
export const unknownOverrideValue = invalid((path: string, value: string, nearest: string | undefined) =>
  `Invalid config override: ${path}: invalid value ${JSON.stringify(value)} for an enumeration.${didYouMean(nearest)}`
);

// Found while polling: batching and sequences.

export const preferredSizeNotPositive = invalid((model: string) =>
  `dynamic batching preferred size must be positive for ${model}`
);
export const preferredSizeTooLarge = invalid((model: string, size: number, maxBatchSize: number) =>
  `dynamic batching preferred size must be <= max batch size for ${model}, got ${size} with max_batch_size ${maxBatchSize}`
);
export const defaultPriority = invalid((levels: bigint, model: string, got: bigint) =>
  `default priority level must be in range [1, ${levels}] for ${model}, got ${got}; set 'default_priority_level'`
);
export const priorityPolicyKey = invalid((levels: bigint, model: string, got: string) =>
  `priority queue policy must have priority level in range [1, ${levels}] for ${model}, got key ${got}`
);
export const orderingWithPriorities = invalid((model: string) =>
  `Only one priority level is allowed when 'preserve_ordering' is true for ${model}`
);
export const orderingWithDelay = invalid((model: string) =>
  `Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for ${model}`
);
export const controlWithoutName = invalid((model: string) =>
  `sequence batching control tensor must have a name for ${model}`
);
export const controlTensorTwice = invalid((tensor: string, model: string) =>
  `sequence batching control tensor '${tensor}' is specified for multiple control kinds for ${model}; list the kinds in ` +
  `one 'control_input'`
);
export const controlKindTwice = invalid((kind: string, model: string) =>
  `sequence batching specifies multiple ${kind} tensors for ${model}`
);
export const controlWithoutValues = invalid((kind: string, model: string) =>
  `sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ${model}`
);
export const controlWithSeveralValues = invalid((kind: string, model: string) =>
  `sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for ` +
  `${kind} for ${model}`
);
export const controlValuePair = invalid((field: string, kind: string, model: string) =>
  `sequence batching control '${field}' must have exactly 2 entries for ${kind} for ${model}`
);
export const correlationWithValues = invalid((kind: string, model: string) =>
  `sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for ${kind} for ` +
  `${model}`
);
export const correlationType = invalid((kind: string, model: string) =>
  `unexpected data type for control ${kind} for ${model}. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, ` +
  `TYPE_INT32 and TYPE_STRING`
);
export const slotUtilization = invalid((model: string) =>
  `sequence batching minimum slot utilization must be in range (0.0, 1.0] for ${model}`
);
export const sequenceSizeNotPositive = invalid((model: string) =>
  `sequence batching preferred batch size must be positive for ${model}`
);
export const sequenceSizeTooLarge = invalid((model: string, size: number, maxBatchSize: number) =>
  `sequence batching preferred batch size must be <= max batch size for ${model}, got ${size} with max_batch_size ` +
  `${maxBatchSize}`
);

// Found while loading: inputs and outputs. `io` is "input" or "output".

/** What `problem` says of an input or output, and of which model. */
function tensor<Args extends unknown[]>(problem: (...args: Args) => string) {
  return invalid((model: string, io: string, name: string, ...args: Args) =>
    `model ${io} '${name}' ${problem(...args)} for ${model}`
  );
}

const DIMENSION = "must be integer >= 1, or -1 to indicate a variable-size dimension";

export const tensorWithoutName = invalid((model: string, io: string) => `model ${io} must specify 'name' for ${model}`);
export const tensorWithoutType = tensor(() => "must specify 'data_type'");
export const tensorWithoutDims = tensor(() => "must specify 'dims'");
export const tensorDimension = tensor(() => `dimension ${DIMENSION}`);
export const reshapeDimension = tensor(() => `reshape dimensions ${DIMENSION}`);
export const reshapeSize = tensor(() => "has different size for dims and reshape");
export const reshapeWildcards = tensor(() => "has different number of variable-size dimensions for dims and reshape");
export const emptyReshape = tensor(() =>
  "cannot have empty reshape for non-batching model as scalar tensors are not supported"
);
export const formatDims = invalid((model: string) => `model input NHWC/NCHW require 3 dims for ${model}`);
export const shapeTensor = invalid((model: string) =>
  `shape tensors are only supported for TensorRT platform for ${model}`
);
export const nonLinearFormat = invalid((model: string) =>
  `Non-linear IO format is only supported for the TensorRT platform for ${model}`
);
export const batchInputSources = invalid((model: string, kind: string, got: number) =>
  `batch input kind '${kind}' expects 1 source input, got ${got} for ${model}`
);
export const batchInputType = invalid((model: string) =>
  `batch input data type must be TYPE_INT32 or TYPE_FP32 for ${model}`
);
export const batchOutputSources = invalid((model: string, kind: string, got: number) =>
  `batch output kind '${kind}' expects 1 source input, got ${got} for ${model}`
);
/** @param inputs what the configuration has. */
export const unknownBatchSource = invalid((model: string, name: string, inputs: readonly string[]) =>
  `unknown source input name '${name}' for ${model}; its inputs are ${inputs.join(", ")}`
);
/** @param outputs what the configuration has. */
export const unknownBatchTarget = invalid((model: string, name: string, outputs: readonly string[]) =>
  `unknown target output name '${name}' for ${model}; its outputs are ${outputs.join(", ")}`
);
export const batchTargetTwice = invalid((model: string, name: string) =>
  `target output name '${name}' can only be specified once for ${model}`
);

// Found while loading: what only Triton's native code could run.

export const batchingLibrary = invalid((model: string) =>
  `model ${model} sets TRITON_BATCH_STRATEGY_PATH, but custom batching libraries are native code, which this server does ` +
  `not load; remove the parameter`
);

// Found while loading: instance groups and states.

export const groupWithoutGpu = invalid((group: string, model: string) =>
  `instance group ${group} of model ${model} has kind KIND_GPU but no GPUs are available; use KIND_AUTO or KIND_CPU to ` +
  `run it on the CPU`
);
export const groupWithGpus = invalid((group: string, model: string, kind: string) =>
  `instance group ${group} of model ${model} has kind ${kind} but specifies one or more GPUs; leave 'gpus' out`
);
export const groupProfile = invalid((group: string, model: string, platform: string) =>
  `instance group ${group} of model ${model} and platform ${platform}specifies profile field which is only supported ` +
  `for TensorRT models`
);
export const initialStateWithoutName = invalid((input: string) =>
  `Field 'name' must be set when using initial_state for state input '${input}'.`
);
export const initialStateTwice = invalid((input: string, got: number) =>
  `initial_state field for state input '${input}' must contain exactly one or zero element. Found '${got}' elements.`
);
export const initialStateRank = invalid((input: string, got: number, expected: number) =>
  `Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input '${input}'. ` +
  `${got} != ${expected}`
);
export const initialStateVariable = invalid((input: string) =>
  `'initial_state' field for state input name '${input}' contains variable dimensions.`
);
export const initialStateDimension = invalid((input: string, got: bigint, expected: bigint) =>
  `'initial_state' dim for input name '${input}' doesn't match 'state' dim description. ${got} != ${expected}`
);
export const initialStateWithoutData = invalid((input: string) =>
  `initial_state setting expects state'${input}' to have state_data set; give zero_data: true or a data_file`
);
