import {
  bodyNotAnObject,
  generateNotConvertible,
  generateParametersNotAnObject,
  inGenerateParameters,
  malformedJson,
} from "../../core/errors/http.ts";
import { duplicateInput } from "../../core/errors/request.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Model, TensorMetadata } from "../../model_repository/model.ts";
import { type JsonObject, type JsonValue, parseExactly, type RepeatedKeys } from "../tensor_json/parser.ts";
import { readData } from "../tensor_json/read_data.ts";
import { isObject, wrongType } from "./json_reader.ts";
import { customValue } from "./request_parameters.ts";

const EMPTY = new Uint8Array(0);
const PARAMETERS = "parameters";

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
  const repeated: RepeatedKeys = new Map();
  const root = parseExactly(body, repeated);
  if (!isObject(root)) throw bodyNotAnObject();
  const request = new InferenceRequest(model.name, version);
  const { id } = root;
  if (id !== undefined) {
    if (typeof id !== "string") throw wrongType("id", "string", id);
    request.id = id;
  }
  forEachKey(root, repeated, (key) => {
    if (key === "id") return;
    if (key === PARAMETERS) readParameters(request, model, root[key], repeated);
    else readMember(request, model, key, root[key]);
  });
  return request;
}

/**
 * Keys that are there more than once come once more, as the reference reads the first one each time it meets the key: an
 * input is then refused as one that the request has already.
 */
function forEachKey(object: JsonObject, repeated: RepeatedKeys, read: (key: string) => void): void {
  for (const key in object) read(key);
  repeated.get(object)?.forEach(read);
}

function readParameters(request: InferenceRequest, model: Model, members: JsonValue, repeated: RepeatedKeys): void {
  if (!isObject(members)) throw generateParametersNotAnObject();
  try {
    forEachKey(members, repeated, (key) => readMember(request, model, key, members[key]));
  } catch (thrown) {
    const error = Status.from(thrown);
    throw error.withMessage(inGenerateParameters(error.message));
  }
}

function readMember(request: InferenceRequest, model: Model, key: string, value: JsonValue): void {
  const input = model.inputs.find(({ name }) => name === key);
  if (!input) {
    (request.parameters ??= new Map()).set(key, customValue(key, value));
    return;
  }
  const tensor = tensorOf(input, value);
  if (request.inputs.some(({ name }) => name === key)) throw duplicateInput(request.id, key);
  request.inputs.push(tensor);
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
