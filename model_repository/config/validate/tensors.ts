import {
  emptyReshape,
  formatDims,
  nonLinearFormat,
  reshapeDimension,
  reshapeSize,
  reshapeWildcards,
  shapeTensor,
  tensorDimension,
  tensorWithoutDims,
  tensorWithoutName,
  tensorWithoutType,
} from "../../../core/errors/load.ts";
import {
  DataType,
  type ModelConfig,
  type ModelInput,
  ModelInput_Format as Format,
  type ModelOutput,
} from "../../../proto/gen/model_config_pb.ts";

/** Checks that every input and output is complete and means something; the backend compares them with its model. */
export function validateTensors(config: ModelConfig): void {
  for (const input of config.input) {
    validateShape(config, input, "input");
    if (input.format !== Format.NONE && input.dims.length !== 3) throw formatDims(config.name);
    validateTensorRT(config.name, input);
  }
  for (const output of config.output) {
    validateShape(config, output, "output");
    validateTensorRT(config.name, output);
  }
}

/** What only TensorRT has. */
function validateTensorRT(model: string, tensor: ModelInput | ModelOutput): void {
  if (tensor.isShapeTensor) throw shapeTensor(model);
  if (tensor.isNonLinearFormatIo) throw nonLinearFormat(model);
}

function validateShape(config: ModelConfig, tensor: ModelInput | ModelOutput, io: "input" | "output"): void {
  const { name, dims, reshape } = tensor;
  if (name === "") throw tensorWithoutName(config.name, io);
  if (tensor.dataType === DataType.TYPE_INVALID) throw tensorWithoutType(config.name, io, name);
  if (dims.length === 0) throw tensorWithoutDims(config.name, io, name);
  if (reshape?.shape.length === 0 && config.maxBatchSize === 0) throw emptyReshape(config.name, io, name);
  if (!dims.every(isDimension)) throw tensorDimension(config.name, io, name);
  if (!reshape) return;
  if (!reshape.shape.every(isDimension)) throw reshapeDimension(config.name, io, name);
  const one = runs(dims);
  const other = runs(reshape.shape);
  if ((one.length === 1) !== (other.length === 1)) throw reshapeSize(config.name, io, name);
  if (one.length !== other.length) throw reshapeWildcards(config.name, io, name);
  if (one.some((count, index) => count !== other[index])) throw reshapeSize(config.name, io, name);
}

const isDimension = (dim: bigint): boolean => dim >= 1n || dim === -1n;

/**
 * Element counts of the runs of fixed dimensions between the variable ones: [2, 4, -1, 6] has 8 and 6. A reshape must
 * have the same runs.
 */
function runs(dims: readonly bigint[]): bigint[] {
  const counts = [1n];
  for (const dim of dims) {
    if (dim === -1n) counts.push(1n);
    else counts[counts.length - 1] *= dim;
  }
  return counts;
}
