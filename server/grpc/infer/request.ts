import { type DataType, isDataType } from "../../../core/data_type.ts";
import {
  classificationNotPositive,
  contentsWithRaw,
  noInputData,
  regionSizeMissing,
  regionWithClassification,
  regionWithContents,
  wrongClassificationType,
  wrongTensorParameterType,
} from "../../../core/errors/grpc.ts";
import { regionNotFound, unknownDatatype } from "../../../core/errors/wire.ts";
import { InferenceRequest } from "../../../core/inference.ts";
import { readContents } from "./contents.ts";
import { setParameters } from "./parameters.ts";
import type { WireInferRequest, WireInput, WireOutput, WireParameter, WireParameters } from "./request_reader.ts";

/** An {@link InferenceRequest} and what the edge has to remember for its response. */
export interface TranslatedRequest {
  readonly request: InferenceRequest;
  /** Outputs wanted as classes: the number of classes, by name. Undefined without any. */
  readonly classes: ReadonlyMap<string, number> | undefined;
}

/**
 * Translates a gRPC request. Whether it fits the model is not looked at here.
 *
 * @throws Status with Triton's texts for parameters, tensor contents and shared memory.
 */
export function toInferenceRequest(wire: WireInferRequest): TranslatedRequest {
  const request = new InferenceRequest(wire.modelName, wire.modelVersion);
  request.id = wire.id;
  if (wire.parameters) setParameters(request, wire.parameters);
  let nextRaw = 0;
  for (const input of wire.inputs) {
    const raw = wire.rawInputContents;
    let data: Uint8Array;
    if (input.parameters && regionOf(input.parameters, input.name)) throw unavailableRegion(input, wire.modelName);
    else if (input.contents) {
      if (raw.length > 0) throw contentsWithRaw(input.name, wire.modelName);
      data = readContents(input.contents, input.datatype, input.name, wire.modelName);
    } else if (nextRaw < raw.length) data = raw[nextRaw++];
    else throw noInputData(input.name, wire.modelName);
    request.inputs.push({ name: input.name, datatype: datatypeOf(input), shape: input.shape, data });
  }
  if (wire.outputs.length === 0) return { request, classes: undefined };
  let classes: Map<string, number> | undefined;
  const outputs: string[] = [];
  for (const output of wire.outputs) {
    outputs.push(output.name);
    if (!output.parameters) continue;
    const count = classCount(output, output.parameters);
    if (count > 0) (classes ??= new Map()).set(output.name, count);
  }
  request.outputs = outputs;
  return { request, classes };
}

function datatypeOf(input: WireInput): DataType {
  if (!isDataType(input.datatype)) throw unknownDatatype(input.name, input.datatype);
  return input.datatype;
}

/** The classes wanted of an output, 0 for the tensor itself. */
function classCount(output: WireOutput, parameters: WireParameters): number {
  const region = regionOf(parameters, output.name);
  const classification = parameters.get("classification");
  if (region !== undefined) {
    if (classification) throw regionWithClassification();
    throw regionNotFound(region);
  }
  if (!classification) return 0;
  if (classification.kind !== "int64_param") throw wrongClassificationType();
  const count = Number(classification.value);
  if (count <= 0) throw classificationNotPositive();
  return count;
}

/** The shared memory region that a tensor names, once its triple of parameters is well formed. */
function regionOf(parameters: WireParameters, tensor: string): string | undefined {
  const region = parameters.get("shared_memory_region");
  if (!region) return undefined;
  expectKind(region, "shared_memory_region", "string_param", tensor);
  const offset = parameters.get("shared_memory_offset"), byteSize = parameters.get("shared_memory_byte_size");
  if (offset) expectKind(offset, "shared_memory_offset", "int64_param", tensor);
  if (!byteSize) throw regionSizeMissing(tensor);
  expectKind(byteSize, "shared_memory_byte_size", "int64_param", tensor);
  return region.value as string;
}

function expectKind(parameter: WireParameter, key: string, kind: WireParameter["kind"], tensor: string): void {
  if (parameter.kind !== kind) throw wrongTensorParameterType(key, tensor, kind as string);
}

/** No region is ever registered while client shared memory is disabled. */
function unavailableRegion(input: WireInput, model: string): Error {
  if (input.contents) return regionWithContents(input.name, model);
  return regionNotFound(input.parameters!.get("shared_memory_region")!.value as string);
}
