import { parametersNotAnObject, reservedParameter, wrongParameterType } from "../../core/errors/http.ts";
import { forwardedReservedHeader, sequenceIdTooLong } from "../../core/errors/wire.ts";
import type { InferenceRequest, ParameterValue } from "../../core/inference.ts";
import { JsonDouble, type JsonValue } from "../tensor_json/parser.ts";
import { booleanOf, inexact, isObject, isUnsigned, unsignedOf, wrongType } from "./json_reader.ts";

/** Longest sequence id that is a string. */
const MAX_SEQUENCE_ID = 128;
const INT64_MAX = 2n ** 63n - 1n;

/** Names that mean something to the server and never reach a model. */
const RESERVED: ReadonlySet<string> = new Set([
  "sequence_id",
  "sequence_start",
  "sequence_end",
  "priority",
  "timeout",
  "binary_data_output",
]);

/**
 * Reads the `parameters` of a request into it.
 *
 * @param exactIntegers integral numbers of the document are known to be integers.
 * @returns `binary_data_output`: whether outputs that are not listed come as binary data.
 * @throws Status INVALID_ARGUMENT; UNSUPPORTED for a sequence id that is too long.
 */
export function readParameters(request: InferenceRequest, parameters: JsonValue, exactIntegers: boolean): boolean {
  if (!isObject(parameters)) throw parametersNotAnObject();
  let binaryOutput = false;
  for (const key in parameters) {
    const value = parameters[key];
    if (typeof value === "number" && !isTrue(value, exactIntegers)) throw inexact;
    switch (key) {
      case "sequence_id":
        request.correlationId = sequenceIdOf(value);
        break;
      case "sequence_start":
        request.sequenceStart = booleanOf(key, value);
        break;
      case "sequence_end":
        request.sequenceEnd = booleanOf(key, value);
        break;
      case "priority":
        request.priority = Number(unsignedOf(key, value));
        break;
      case "timeout":
        request.timeoutMicros = Number(unsignedOf(key, value));
        break;
      case "binary_data_output":
        binaryOutput = booleanOf(key, value);
        break;
      default:
        if (key.startsWith("triton_")) throw reservedParameter();
        request.parameters ??= new Map();
        request.parameters.set(key, customValue(key, value));
    }
  }
  return binaryOutput;
}

/**
 * Makes request parameters of the headers whose name matches; they win over parameters of the same name.
 *
 * @throws Status INVALID_ARGUMENT where the name is one that the server reserves.
 */
export function forwardHeaders(request: InferenceRequest, headers: Headers, pattern: RegExp): void {
  for (const [name, value] of headers) {
    if (!pattern.test(name)) continue;
    if (name.startsWith("triton_")) throw reservedParameter();
    if (RESERVED.has(name)) throw forwardedReservedHeader(name);
    request.parameters ??= new Map();
    request.parameters.set(name, value);
  }
}

/** False for a number that the native parser may have made of another one. */
function isTrue(value: number, exactIntegers: boolean): boolean {
  return Number.isInteger(value) ? exactIntegers && Number.isSafeInteger(value) : Number.isFinite(value);
}

function sequenceIdOf(value: JsonValue): number | bigint | string {
  if (isUnsigned(value)) return value;
  if (typeof value !== "string") throw wrongType("sequence_id", "string", value);
  if (value.length > MAX_SEQUENCE_ID) throw sequenceIdTooLong(value.length);
  return value;
}

/** The value of a parameter for the model. @throws Status INVALID_ARGUMENT for null, arrays and objects. */
export function customValue(key: string, value: JsonValue): ParameterValue {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "number":
      return value;
    case "bigint":
      return value <= INT64_MAX ? value : Number(value);
  }
  if (value instanceof JsonDouble) return value.value;
  throw wrongParameterType(key);
}
