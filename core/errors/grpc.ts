/** Errors that only gRPC can answer: its wire format, its typed parameters and its typed tensor contents. */
import { declare } from "./declare.ts";

/** gRPC codes that Triton's own set of codes does not have. */
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;

export const unparsableMessage = declare(
  "INTERNAL",
  (reason: string) => `Unable to parse request: ${reason}`,
);

export const badFrame = declare(
  "INTERNAL",
  (reason: string) => `the body of the call is no gRPC message: ${reason}`,
);

export const messageTooLarge = declare(
  "UNAVAILABLE",
  (bytes: number, limit: number) => `Received message larger than max (${bytes} vs. ${limit})`,
  undefined,
  RESOURCE_EXHAUSTED,
);

export const responseTooLarge = declare(
  "UNAVAILABLE",
  (bytes: number, limit: number) =>
    `Sent message larger than max (${bytes} vs. ${limit}). Ask for fewer outputs or a smaller batch`,
  undefined,
  RESOURCE_EXHAUSTED,
);

export const unknownMessageEncoding = declare(
  "UNSUPPORTED",
  (encoding: string) => `grpc-encoding '${encoding}' is not supported, expected identity, gzip or deflate`,
);

export const messageNotDecompressed = declare(
  "INTERNAL",
  (encoding: string, reason: string) => `the message cannot be decompressed as ${encoding}: ${reason}`,
);

export const deadlineExceeded = declare("CANCELLED", () => "Deadline Exceeded", undefined, DEADLINE_EXCEEDED);

export const badTimeout = declare(
  "INVALID_ARGUMENT",
  (value: string) => `invalid grpc-timeout '${value}', expected up to 8 digits and one of the units H, M, S, m, u, n`,
);

export const clientCancelled = declare("CANCELLED", () => "the client cancelled the call");

export const serverShuttingDown = declare("UNAVAILABLE", () => "the server is shutting down");

export const rpcNotImplemented = declare(
  "UNSUPPORTED",
  (rpc: string) => `${rpc} is not implemented by this version of the server`,
);

export const unknownMethod = declare(
  "UNSUPPORTED",
  (path: string) => `unknown method '${path}'. Server reflection lists the services and methods that this server has`,
);

export const decoupledUnary = declare(
  "UNSUPPORTED",
  () => "ModelInfer RPC doesn't support models with decoupled transaction policy",
);

export const wrongParameterType = declare(
  "INVALID_ARGUMENT",
  (key: string, expected: string) => `invalid value type for '${key}' parameter, expected ${expected}.`,
);

export const negativePriority = declare(
  "INVALID_ARGUMENT",
  () => "invalid value for 'priority', expected value >= 0.",
);

export const negativeTimeout = declare(
  "INVALID_ARGUMENT",
  () => "invalid value for 'timeout', expected value >= 0, in microseconds; 0 means the model's default.",
);

export const reservedParameter = declare(
  "INVALID_ARGUMENT",
  () =>
    "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with " +
    "'triton_' are allowed: triton_enable_empty_final_response",
);

export const wrongClassificationType = declare(
  "INVALID_ARGUMENT",
  () => "invalid value type for 'classification' parameter, expected int64_param",
);

export const classificationNotPositive = declare(
  "INVALID_ARGUMENT",
  () => "invalid value for 'classification' parameter, expected >= 0",
);

export const regionSizeMissing = declare(
  "INVALID_ARGUMENT",
  (tensor: string) =>
    `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`,
);

export const wrongTensorParameterType = declare(
  "INVALID_ARGUMENT",
  (key: string, tensor: string, expected: string) =>
    `invalid value type for '${key}' parameter for tensor '${tensor}', expected ${expected}.`,
);

export const regionWithContents = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string) =>
    `unexpected 'content' provided when using shared memory for input tensor '${input}' for model '${model}'`,
);

export const regionWithClassification = declare(
  "INVALID_ARGUMENT",
  () => "output can't set both 'shared_memory_region' and 'classification'",
);

export const contentsWithRaw = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string) =>
    `contents field must not be specified when using raw_input_contents for '${input}' for model '${model}'`,
);

export const noInputData = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string) => `unable to find data for input tensor '${input}' for model '${model}' in request.`,
);

export const wrongContentsType = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string, given: string, expected: string) =>
    `unexpected explicit tensor data for input tensor '${input}' for model '${model}' of type '${given}', ` +
    `expected datatype '${expected}'`,
);

export const contentsTwice = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string) =>
    `unexpected explicit tensor data for input tensor '${input}' for model '${model}', ` +
    `binary data was already supplied.`,
);

export const unknownLoadParameter = declare(
  "INVALID_ARGUMENT",
  (key: string) => `unrecognized load parameter '${key}'.`,
);

export const wrongLoadParameterType = declare(
  "INVALID_ARGUMENT",
  (key: string, expected: string) => `invalid value type for load parameter '${key}', expected ${expected}.`,
);

export const reflectionNotFound = declare(
  "NOT_FOUND",
  (kind: string, name: string) => `${kind} '${name}' is not known to this server's reflection`,
);

export const reflectionWithoutQuestion = declare(
  "INVALID_ARGUMENT",
  () => "the reflection request asks for nothing, expected one member of message_request",
);
