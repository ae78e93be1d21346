import { join } from "node:path";
import { DATA_TYPES, type DataType, ELEMENT_SIZE } from "../core/data_type.ts";
import {
  fileNotReadable,
  warmupDatatype,
  warmupDimensions,
  warmupFileTooShort,
  warmupWithoutData,
} from "../core/errors/repository.ts";
import { InferenceRequest } from "../core/inference.ts";
import { elementCount, encodeBytes, type Tensor } from "../core/tensor.ts";
import {
  DataType as ConfigDataType,
  type ModelConfig,
  type ModelSequenceBatching,
  type ModelWarmup,
  type ModelWarmup_Input,
} from "../proto/gen/model_config_pb.ts";

/** One `model_warmup` entry of a configuration. */
export interface WarmupSample {
  readonly name: string;
  /** How often it is to run: at least 1. */
  readonly count: number;
  /**
   * `batch_size` requests to be executed together. Their shapes are a client's: a first dimension of 1 where the model
   * batches, no reshape applied.
   */
  readonly requests: readonly InferenceRequest[];
  /** Tensors for names that are no inputs of the configuration: sequence controls and states. */
  readonly overrides: readonly Tensor[];
}

/**
 * The warmup samples of a configuration, with their data; those with `batch_size` 0 are left out. Files are read from
 * `<modelDirectory>/warmup/`.
 *
 * @throws Status INVALID_ARGUMENT or INTERNAL with Triton's text.
 */
export async function warmupSamples(config: ModelConfig, modelDirectory: string): Promise<WarmupSample[]> {
  const samples: WarmupSample[] = [];
  for (const setting of config.modelWarmup) {
    if (setting.batchSize === 0) continue;
    samples.push(await sampleOf(config, setting, modelDirectory));
  }
  return samples;
}

async function sampleOf(config: ModelConfig, setting: ModelWarmup, modelDirectory: string): Promise<WarmupSample> {
  const inputs: Tensor[] = [];
  const overrides: Tensor[] = [];
  for (const [name, input] of Object.entries(setting.inputs)) {
    const tensor = await tensorOf(name, input, config.maxBatchSize > 0, modelDirectory);
    (config.input.some((known) => known.name === name) ? inputs : overrides).push(tensor);
  }
  const requests = Array.from({ length: setting.batchSize }, () => {
    const request = new InferenceRequest(config.name, "");
    request.inputs = [...inputs];
    if (config.schedulingChoice.case === "sequenceBatching") {
      request.correlationId = namedByText(config.schedulingChoice.value) ? "1" : 1;
      request.sequenceStart = true;
      request.sequenceEnd = true;
    }
    return request;
  });
  return { name: setting.name, count: Math.max(1, setting.count), requests, overrides };
}

/** True if the model wants the ids of sequences as strings. */
function namedByText({ controlInput }: ModelSequenceBatching): boolean {
  return controlInput.some(({ control }) => control.some(({ dataType }) => dataType === ConfigDataType.TYPE_STRING));
}

async function tensorOf(
  name: string,
  input: ModelWarmup_Input,
  batching: boolean,
  modelDirectory: string,
): Promise<Tensor> {
  const datatype = DATA_TYPES[input.dataType];
  if (!datatype) throw warmupDatatype(name);
  const dims = input.dims.map(Number);
  if (dims.some((dim) => dim < 0)) throw warmupDimensions(name);
  const data = await dataOf(name, input, datatype, elementCount(dims), modelDirectory);
  return { name, datatype, shape: batching ? [1, ...dims] : dims, data };
}

function dataOf(
  name: string,
  input: ModelWarmup_Input,
  datatype: DataType,
  count: number,
  modelDirectory: string,
): Uint8Array | Promise<Uint8Array> {
  switch (input.inputDataType.case) {
    case "zeroData":
      // Zeros are empty strings too: a length of 0 for each.
      return new Uint8Array(count * (datatype === "BYTES" ? 4 : ELEMENT_SIZE[datatype]));
    case "randomData":
      return randomData(datatype, count);
    case "inputDataFile":
      return fileData(input.inputDataType.value, datatype, count, modelDirectory);
    default:
      throw warmupWithoutData(name);
  }
}

/**
 * Random elements. Floats are in [0, 1), so that no NaN or infinity warms up a path that real data never takes; integers
 * are 0 or 1, which index any table of two; strings are decimal digits, which models that parse numbers accept.
 */
function randomData(datatype: DataType, count: number): Uint8Array {
  switch (datatype) {
    case "BYTES":
      return encodeBytes(Array.from({ length: count }, () => String(Math.floor(Math.random() * 10))));
    case "FP32":
      return bytesOf(Float32Array.from({ length: count }, Math.random));
    case "FP64":
      return bytesOf(Float64Array.from({ length: count }, Math.random));
    case "FP16":
      // Exponents 0 to 14 are the halves from 0 to just below 1.
      return bytesOf(Uint16Array.from({ length: count }, () => Math.floor(Math.random() * 0x3c00)));
    case "BF16":
      return bytesOf(Uint16Array.from({ length: count }, () => Math.floor(Math.random() * 0x3f80)));
    default: {
      const size = ELEMENT_SIZE[datatype];
      const data = new Uint8Array(count * size);
      for (let i = 0; i < count; i++) data[i * size] = Math.random() < 0.5 ? 0 : 1;
      return data;
    }
  }
}

function bytesOf(array: Float32Array | Float64Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer);
}

/** The first bytes of a file that a tensor needs; the whole file for `BYTES`, whose size only the data tells. */
async function fileData(
  file: string,
  datatype: DataType,
  count: number,
  modelDirectory: string,
): Promise<Uint8Array> {
  const path = join(modelDirectory, "warmup", file);
  let data: Uint8Array;
  try {
    data = await Deno.readFile(path);
  } catch (thrown) {
    throw fileNotReadable(path, whyNotReadable(thrown));
  }
  if (datatype === "BYTES") return data;
  const size = count * ELEMENT_SIZE[datatype];
  if (data.length < size) throw warmupFileTooShort(file, size, data.length);
  return data.subarray(0, size);
}

/** The operating system's words for a file that cannot be read, as Triton's texts end. */
export function whyNotReadable(thrown: unknown): string {
  if (thrown instanceof Deno.errors.NotFound) return "No such file or directory";
  if (thrown instanceof Deno.errors.PermissionDenied) return "Permission denied";
  if (thrown instanceof Deno.errors.IsADirectory) return "Is a directory";
  return thrown instanceof Error ? thrown.message : String(thrown);
}
