/** Errors of requests as they are read from the wire, where HTTP and gRPC say the same. */
import { declare } from "./declare.ts";

export const unknownDatatype = declare(
  "INVALID_ARGUMENT",
  (input: string, datatype: string) =>
    `invalid datatype for input ${input}: '${datatype}' is none of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, ` +
    `INT32, INT64, FP16, FP32, FP64, BYTES, BF16`,
);

export const sequenceIdTooLong = declare(
  "UNSUPPORTED",
  (length: number) => `string correlation ID cannot be longer than 128 characters, got ${length}`,
);

export const regionNotFound = declare(
  "NOT_FOUND",
  (region: string) => `Unable to find shared memory region: '${region}'`,
);

export const systemRegionNotFound = declare(
  "NOT_FOUND",
  (region: string) => `Unable to find system shared memory region: '${region}'`,
);

export const cudaRegionNotFound = declare(
  "NOT_FOUND",
  (region: string) => `Unable to find cuda shared memory region: '${region}'`,
);

export const sharedMemoryDisabled = declare(
  "UNSUPPORTED",
  () => "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.",
);

export const explicitLoadNotAllowed = declare(
  "UNAVAILABLE",
  () => "explicit model load / unload is not allowed if polling is enabled",
);

export const repositoryNameNotSupported = declare(
  "UNSUPPORTED",
  () => "'repository_name' specification is not supported",
);

export const statisticsModelNotAvailable = declare(
  "INVALID_ARGUMENT",
  (model: string) => `requested model '${model}' is not available`,
);

export const statisticsVersionNotAvailable = declare(
  "INVALID_ARGUMENT",
  (model: string) => `requested model version is not available for model '${model}'`,
);

export const forwardedReservedHeader = declare(
  "INVALID_ARGUMENT",
  (header: string) =>
    `header '${header}' matches the forward pattern but is the name of a reserved request parameter. ` +
    `Rename the header or narrow the pattern`,
);

export const classificationUnsupported = declare(
  "INVALID_ARGUMENT",
  (datatype: string) => `class result not available for output due to unsupported type '${datatype}'`,
);

export const classificationTooLarge = declare(
  "INVALID_ARGUMENT",
  (elements: number, limit: number) =>
    `classification output tensor too large: ${elements} elements, at most ${limit} can be classified`,
);
