import { type DataType, ELEMENT_SIZE, isDataType } from "../../core/data_type.ts";
import {
  binaryLeftOver,
  binaryTooShort,
  dataSources,
  invalidDimensions,
  jsonInputTooLarge,
  regionWithBinaryData,
  regionWithClassification,
  tooManyElements,
  wrongClassification,
} from "../../core/errors/http.ts";
import { regionNotFound, unknownDatatype } from "../../core/errors/wire.ts";
import { InferenceRequest } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Model } from "../../model_repository/model.ts";
import { exactJson, type JsonDocument, readJson } from "../tensor_json/document.ts";
import type { JsonValue } from "../tensor_json/parser.ts";
import { isIntegerType, readData, show } from "../tensor_json/read_data.ts";
import {
  booleanOf,
  inexact,
  isUnsigned,
  memberOf,
  requiredArray,
  requiredString,
  unsignedOf,
  wrongType,
} from "./json_reader.ts";
import { readParameters } from "./request_parameters.ts";

/** How one output that a request lists is to be sent. */
export interface OutputForm {
  readonly name: string;
  readonly binary: boolean;
  /** Classes wanted of it; 0 for the tensor itself. */
  readonly classes: number;
}

/** How the outputs of a request are to be sent. */
export interface OutputForms {
  /** Outputs that are not listed come as binary data. */
  readonly binary: boolean;
  /** Empty where the request lists none. */
  readonly listed: readonly OutputForm[];
}

/** A request as it came over HTTP. */
export interface InferCall {
  readonly request: InferenceRequest;
  readonly forms: OutputForms;
}

const EMPTY = new Uint8Array(0);
const INT64_MAX = 2n ** 63n - 1n;
const NOTHING_LISTED: readonly OutputForm[] = [];

/**
 * Reads an inference request: its JSON, and after that the bytes of its binary tensors, in the order of the inputs.
 *
 * @param version as the path has it, "" without one.
 * @param headerLength bytes of JSON at the start of `body`.
 * @param maxInputSize bytes that the data of one input in JSON may make.
 * @throws Status INVALID_ARGUMENT, in the order and with the texts of the contract; UNSUPPORTED and NOT_FOUND for what is
 *   not served.
 */
export function readInferRequest(
  model: Model,
  version: string,
  body: Uint8Array,
  headerLength: number,
  maxInputSize: number,
): InferCall {
  const request = new InferenceRequest(model.name, version);
  const json = headerLength === body.length ? body : body.subarray(0, headerLength);
  const binary = headerLength === body.length ? EMPTY : body.subarray(headerLength);
  let document: JsonDocument | undefined = readJson(json);
  if (!document.exact) {
    try {
      return read(request, model, document, binary, maxInputSize);
    } catch {
      // What seems wrong may have been lost in parsing, and what is wrong has to be named as it was written.
      // Both may be large, so the one is let go before the other is made.
      document = undefined;
      request.inputs = [];
      request.parameters = undefined;
    }
  }
  return read(request, model, document ?? exactJson(json), binary, maxInputSize);
}

function read(
  request: InferenceRequest,
  model: Model,
  document: JsonDocument,
  binary: Uint8Array,
  maxInputSize: number,
): InferCall {
  const { root } = document;
  const exactIntegers = document.exact || !document.fractions;
  const id = memberOf(root, "id");
  if (id !== undefined) {
    if (typeof id !== "string") throw wrongType("id", "string", id);
    request.id = id;
  }
  const parameters = memberOf(root, "parameters");
  const binaryOutput = parameters === undefined ? false : readParameters(request, parameters, exactIntegers);

  const inputs = requiredArray(root, "inputs");
  let at = 0;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    const source = dataSourceOf(input);
    const name = requiredString(input, "name");
    const datatype = requiredString(input, "datatype");
    const shape = shapeOf(input, name);
    if (!isDataType(datatype)) throw unknownDatatype(name, datatype);
    let data: Uint8Array;
    if (source === "data") {
      if (!exactIntegers && isIntegerType(datatype)) throw inexact;
      data = jsonData(input, name, datatype, shape, maxInputSize);
    } else if (source === "binary_data_size") {
      const size = unsignedOf(source, memberOf(memberOf(input, "parameters")!, source)!);
      const left = binary.length - at;
      if (size > left) throw binaryTooShort(model.name, name, typeof size === "bigint" ? size : size - left);
      data = binary.subarray(at, at + Number(size));
      at += Number(size);
    } else throw regionNotFound(show(memberOf(memberOf(input, "parameters")!, source)!).replace(/^"|"$/g, ""));
    const tensor: Tensor = { name, datatype, shape, data };
    request.inputs.push(tensor);
  }
  if (at < binary.length) throw binaryLeftOver(model.name);

  const outputs = memberOf(root, "outputs");
  const listed = outputs === undefined ? NOTHING_LISTED : readOutputs(root);
  if (listed.length > 0) request.outputs = listed.map(({ name }) => name);
  return { request, forms: { binary: binaryOutput, listed } };
}

type DataSource = "data" | "binary_data_size" | "shared_memory_region";

/** Where the bytes of an input are: in exactly one place. */
function dataSourceOf(input: JsonValue): DataSource {
  const parameters = memberOf(input, "parameters");
  if (parameters === undefined && memberOf(input, "data") !== undefined) return "data";
  const set: DataSource[] = [];
  if (memberOf(input, "data") !== undefined) set.push("data");
  if (parameters !== undefined) {
    if (memberOf(parameters, "binary_data_size") !== undefined) set.push("binary_data_size");
    if (memberOf(parameters, "shared_memory_region") !== undefined) set.push("shared_memory_region");
  }
  if (set.length !== 1) throw dataSources(set);
  return set[0];
}

function shapeOf(input: JsonValue, name: string): number[] {
  const dims = requiredArray(input, "shape");
  const shape = new Array<number>(dims.length);
  let elements = 1;
  for (let i = 0; i < dims.length; i++) {
    const dim = dims[i];
    if (!isUnsigned(dim)) throw wrongType("shape", "unsigned-integer", dim);
    if (dim > INT64_MAX) throw invalidDimensions(name, dims as (number | bigint)[]);
    shape[i] = Number(dim);
    elements *= shape[i];
  }
  // A product that is no safe integer is worked out without rounding.
  if (elements > Number.MAX_SAFE_INTEGER) {
    const product = (dims as (number | bigint)[]).reduce<bigint>((all, dim) => all * BigInt(dim), 1n);
    if (product > INT64_MAX) throw tooManyElements(name, dims as (number | bigint)[]);
  }
  return shape;
}

function jsonData(
  input: JsonValue,
  name: string,
  datatype: DataType,
  shape: readonly number[],
  maxInputSize: number,
): Uint8Array {
  let count = 1;
  for (let i = 0; i < shape.length; i++) count *= shape[i];
  if (count === 0) return EMPTY;
  const size = count * (ELEMENT_SIZE[datatype] || 4);
  if (size > maxInputSize) throw jsonInputTooLarge(name, size, maxInputSize);
  return readData(name, datatype, shape, count, requiredArray(input, "data"));
}

function readOutputs(root: JsonValue): OutputForm[] {
  return requiredArray(root, "outputs").map((output) => {
    const name = requiredString(output, "name");
    const parameters = memberOf(output, "parameters");
    if (parameters === undefined) return { name, binary: false, classes: 0 };
    const classification = memberOf(parameters, "classification");
    if (classification !== undefined && !isUnsigned(classification)) throw wrongClassification(show(classification));
    const classes = classification === undefined ? 0 : Number(classification);
    const binaryData = memberOf(parameters, "binary_data");
    const binary = binaryData !== undefined && booleanOf("binary_data", binaryData);
    const region = memberOf(parameters, "shared_memory_region");
    if (region !== undefined) {
      if (typeof region !== "string") throw wrongType("shared_memory_region", "string", region);
      if (classes > 0) throw regionWithClassification();
      if (binary) throw regionWithBinaryData();
      throw regionNotFound(region);
    }
    return { name, binary, classes };
  });
}
