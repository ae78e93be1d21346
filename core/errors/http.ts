/** Errors that only HTTP can answer: its routes, its headers and its JSON. */
import { declare } from "./declare.ts";

export const notFound = declare("NOT_FOUND", () => "Not Found");

export const methodNotAllowed = declare("INVALID_ARGUMENT", () => "Method Not Allowed", 405);

export const malformedHttp = declare(
  "INVALID_ARGUMENT",
  (reason: string) => `the request is not valid HTTP/1.1: ${reason}. The connection is closed`,
);

export const notServedYet = declare(
  "UNSUPPORTED",
  (what: string) => `${what} is not supported by this version of the server`,
);

export const decoupledUnary = declare(
  "UNSUPPORTED",
  () => "HTTP end point doesn't support models with decoupled transaction policy",
);

export const regionNameMissing = declare(
  "INVALID_ARGUMENT",
  (kind: string) => `'region name' is necessary to register ${kind} shared memory region`,
);

// Headers and bodies

export const headerLengthNotANumber = declare(
  "INVALID_ARGUMENT",
  (value: string) =>
    `Unable to parse Inference-Header-Content-Length, got: ${value}. Expected the size of the JSON part of the ` +
    `request in bytes, digits only`,
);

export const headerLengthOutOfRange = declare(
  "INVALID_ARGUMENT",
  (value: string, bytes: number) => `inference header size should be in range (0, ${bytes}), got: ${value}`,
);

export const unsupportedContentEncoding = declare(
  "UNSUPPORTED",
  (encoding: string) => `Unsupported compression type '${encoding}'. Content-Encoding may be gzip, deflate or identity`,
);

export const nothingToDecompress = declare("INVALID_ARGUMENT", () => "nothing to be decompressed");

export const corruptCompression = declare(
  "INVALID_ARGUMENT",
  (encoding: string, reason: string) => `unable to decompress the request body as ${encoding}: ${reason}`,
);

export const jsonTooLarge = declare(
  "INVALID_ARGUMENT",
  (bytes: number | string, limit: number) =>
    `request JSON size of ${bytes} bytes exceeds the maximum allowed input size of ${limit} bytes. ` +
    `Use --http-max-input-size to increase the limit.`,
);

export const rawInputTooLarge = declare(
  "INVALID_ARGUMENT",
  (bytes: number | string, limit: number) =>
    `Raw input has a byte_size (${bytes} bytes) that exceeds the maximum allowed value of ${limit} bytes. ` +
    `Use --http-max-input-size to increase the limit.`,
);

export const decompressedTooLarge = declare(
  "INVALID_ARGUMENT",
  (limit: number) =>
    `decompressed request size exceeds the maximum allowed input size of ${limit} bytes. ` +
    `Use --http-max-input-size to increase the limit.`,
);

export const bodyTooLarge = declare(
  "INVALID_ARGUMENT",
  (limit: number) => `request size exceeds ${limit} bytes, the most that one request may have`,
);

export const jsonInputTooLarge = declare(
  "INVALID_ARGUMENT",
  (input: string, bytes: number, limit: number) =>
    `JSON input '${input}' has a byte_size (${bytes} bytes) that exceeds the maximum allowed value of ${limit} bytes. ` +
    `Use --http-max-input-size to increase the limit.`,
);

export const tooManyChunks = declare(
  "INVALID_ARGUMENT",
  (limit: number) =>
    `Chunked request body exceeds maximum of ${limit} non-empty chunks. Send fewer or larger HTTP chunks.`,
);

export const bodyNotRead = declare(
  "INVALID_ARGUMENT",
  (reason: string) => `the request body could not be read: ${reason}`,
);

// JSON

export const malformedJson = declare(
  "INVALID_ARGUMENT",
  (reason: string, offset: number) => `failed to parse the request JSON buffer: ${reason} at ${offset}`,
);

export const jsonTooDeep = declare(
  "INVALID_ARGUMENT",
  (limit: number) => `JSON nesting depth exceeds maximum allowed limit (${limit})`,
);

export const jsonTooManyParts = declare(
  "INVALID_ARGUMENT",
  (what: string, limit: number) =>
    `the request JSON has more than ${limit} ${what}. Send the data of tensors as flat arrays, or as binary data`,
);

export const missingMember = declare(
  "INVALID_ARGUMENT",
  (key: string) => `Unable to parse '${key}': attempt to access non-existing object member '${key}'`,
);

/** `type` as the JSON library names it: `array`, `string`, `boolean`, `unsigned-integer`, `signed-integer`, `double`. */
export const wrongJsonType = declare(
  "INVALID_ARGUMENT",
  (key: string, type: string, where: string) =>
    `Unable to parse '${key}': attempt to access JSON non-${type === "double" ? "number" : type} as ${type}` +
    (where === "" ? "" : ` (${where})`),
);

export const bytesElementNotAString = declare(
  "INVALID_ARGUMENT",
  (input: string, element: number, shown: string) =>
    `Unable to parse JSON bytes array: attempt to access JSON non-string as string (element ${element} of input ` +
    `'${input}' is ${shown}; what is no text can be sent as binary data)`,
);

export const parametersNotAnObject = declare(
  "INVALID_ARGUMENT",
  () => "failed to get request params.: attempt to get members for non-object",
);

export const bodyNotAnObject = declare(
  "INVALID_ARGUMENT",
  () => "attempt to get members for non-object: the body has to be a JSON object",
);

export const readyNotABoolean = declare(
  "INVALID_ARGUMENT",
  () => "Invalid value for 'ready': expected a boolean",
);

export const wrongParameterType = declare(
  "INVALID_ARGUMENT",
  (key: string) => `parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`,
);

export const reservedParameter = declare(
  "INVALID_ARGUMENT",
  () => "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
);

// Inputs and outputs

export const dataSources = declare(
  "INVALID_ARGUMENT",
  (set: readonly string[]) =>
    "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', " +
    "'shared_memory_region' in 'parameters'. " +
    (set.length === 0 ? "But no field is set" : `But set ${set.map((field) => `'${field}'`).join(" ")}`),
);

export const elementCountMismatch = declare(
  "INVALID_ARGUMENT",
  (input: string, shape: readonly number[], expected: number, got: number) =>
    `Unable to parse 'data': Shape does not match true shape of 'data' field (input '${input}' of shape [${shape}] ` +
    `has ${expected} elements, 'data' has ${got})`,
);

export const integerOutOfRange = declare(
  "INVALID_ARGUMENT",
  (input: string, element: number, value: string, datatype: string, low: string, high: string) =>
    `Unable to parse 'data': element ${element} of input '${input}' is ${value}, out of the range of ${datatype}, ` +
    `which is ${low} to ${high}`,
);

export const invalidDimensions = declare(
  "INVALID_ARGUMENT",
  (input: string, shape: readonly (number | bigint)[]) =>
    `invalid shape for input '${input}': shape [${shape}] contains one or more invalid dimensions`,
);

export const tooManyElements = declare(
  "INVALID_ARGUMENT",
  (input: string, shape: readonly (number | bigint)[]) =>
    `invalid shape for input '${input}': shape [${shape}] causes total element count to exceed maximum size of ` +
    `9223372036854775807`,
);

export const binaryTooShort = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string, missing: number | bigint) =>
    `unexpected size for input '${input}', expecting ${missing} additional bytes for model '${model}'`,
);

export const binaryLeftOver = declare(
  "INVALID_ARGUMENT",
  (model: string) => `unexpected additional input data for model '${model}'`,
);

export const regionWithClassification = declare(
  "INVALID_ARGUMENT",
  () => "Output can't set both 'shared_memory_region' and 'classification'",
);

export const regionWithBinaryData = declare(
  "INVALID_ARGUMENT",
  () => "Output can't set both 'shared_memory_region' and 'binary_data'",
);

export const wrongClassification = declare(
  "INVALID_ARGUMENT",
  (shown: string) =>
    `Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer (it is ${shown}, ` +
    `expected the number of classes)`,
);

// The generate extension

export const generateNotConvertible = declare(
  "INVALID_ARGUMENT",
  (input: string, elements: number, shape: readonly number[]) =>
    `The schema can not convert input '${input}' to tensor with proper shape: its shape is [${shape}], the request has ` +
    `${elements} ${elements === 1 ? "element" : "elements"}`,
);

export const generateParametersNotAnObject = declare(
  "INVALID_ARGUMENT",
  () => "Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object",
);

/** The text of what is wrong within the object `parameters`. */
export function inGenerateParameters(text: string): string {
  return `Converting keyword: 'parameters': ${text}`;
}

export const generateEncoding = declare(
  "INVALID_ARGUMENT",
  (encoding: string) => `Unsupported content-encoding, only 'identity' is supported. Got '${encoding}'`,
);

export const generateResponseCount = declare(
  "INVALID_ARGUMENT",
  () =>
    "generate expects model to produce exactly 1 response, use generate stream for model that generates various number " +
    "of responses",
);
