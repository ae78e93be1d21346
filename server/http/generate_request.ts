import {
  bodyNotAnObject,
  generateNotConvertible,
  generateParametersNotAnObject,
  malformedJson,
} from "../../core/errors/http.ts";
import { InferenceRequest } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Model, TensorMetadata } from "../../model_repository/model.ts";
import { type JsonObject, type JsonValue, parseExactly } from "../tensor_json/parser.ts";
import { readData } from "../tensor_json/read_data.ts";
import { isObject, wrongType } from "./json_reader.ts";
import { customValue } from "./request_parameters.ts";

const EMPTY = new Uint8Array(0);

/**
 * Reads the body of a generate request: a JSON object whose keys are names of the model's inputs, or parameters for the
 * model; the object `parameters` holds more of both. `id` is the request's id. Parameters that the inference protocol
 * reserves mean nothing here, they are the model's as all others.
 *
 * @param version as the path has it, "" without one.
 * @throws Status INVALID_ARGUMENT
 */
export function readGenerateRequest(model: Model, version: string, body: Uint8Array): InferenceRequest {
  if (body.length === 0) throw malformedJson("The document is empty.", 0);
  const root = parseExactly(body);
  if (!isObject(root)) throw bodyNotAnObject();
  const request = new InferenceRequest(model.name, version);
  for (const key in root) {
    const value = root[key];
    if (key === "id") {
      if (typeof value !== "string") throw wrongType("id", "string", value);
      request.id = value;
    } else if (key === "parameters") {
      if (!isObject(value)) throw generateParametersNotAnObject();
      readMembers(request, model, value);
    } else readMember(request, model, key, value);
  }
  return request;
}

function readMembers(request: InferenceRequest, model: Model, members: JsonObject): void {
  for (const key in members) readMember(request, model, key, members[key]);
}

function readMember(request: InferenceRequest, model: Model, key: string, value: JsonValue): void {
  const input = model.inputs.find(({ name }) => name === key);
  if (input) request.inputs.push(tensorOf(input, value));
  else (request.parameters ??= new Map()).set(key, customValue(key, value));
}

function tensorOf({ name, datatype, shape }: TensorMetadata, value: JsonValue): Tensor {
  const elements = Array.isArray(value) ? value : [value];
  const deduced = deduceShape(shape, elements.length);
  if (!deduced) throw generateNotConvertible(name, elements.length, shape);
  const count = elements.length;
  const data = count === 0 ? EMPTY : readData(name, datatype, deduced, count, elements);
  return { name, datatype, shape: deduced, data };
}

/**
 * The shape that `count` elements have as a tensor: the innermost free dimension (-1) takes what the fixed ones leave, the
 * other free ones are 1. Undefined where the fixed dimensions do not divide the count.
 */
export function deduceShape(dims: readonly number[], count: number): number[] | undefined {
  const free = dims.lastIndexOf(-1);
  let fixed = 1;
  for (const dim of dims) if (dim !== -1) fixed *= dim;
  const left = fixed === 0 ? 0 : count / fixed;
  if (!Number.isInteger(left) || left * fixed !== count) return undefined;
  if (free === -1 && left !== 1 && fixed !== 0) return undefined;
  return dims.map((dim, i) => i === free ? left : dim === -1 ? 1 : dim);
}
