/** Errors of ONNX Runtime inside a worker: loading a model into a session, and running it. */
import { declare } from "./declare.ts";

export const sessionNotCreated = declare(
  "INTERNAL",
  (model: string, path: string, code: number, text: string) =>
    `onnx runtime error ${code}: ${text} (model '${model}', file ${path})`,
);

export const executionFailed = declare(
  "INTERNAL",
  (model: string, code: number, text: string) => `onnx runtime error ${code}: ${text} (model '${model}')`,
);

export const deviceFailed = declare(
  "INTERNAL",
  (model: string, device: string, text: string) =>
    `GPU error while running model '${model}' on ${device}: ${text}. The outputs were discarded; a smaller batch or ` +
    `KIND_CPU in instance_group avoids running out of GPU memory`,
);

export const stringNotUtf8 = declare(
  "INVALID_ARGUMENT",
  (input: string, index: number, model: string) =>
    `element ${index} of BYTES input '${input}' for model '${model}' is not valid UTF-8, which ONNX strings must be. ` +
    `Send binary data as UINT8`,
);

export const stringWithNul = declare(
  "INVALID_ARGUMENT",
  (input: string, index: number, model: string) =>
    `element ${index} of BYTES input '${input}' for model '${model}' contains a NUL byte, at which ONNX Runtime would cut ` +
    `the string off. Send binary data as UINT8`,
);

export const correlationIdWithNul = declare(
  "INVALID_ARGUMENT",
  (input: string, model: string) =>
    `the sequence id of the request, which is BYTES input '${input}' for model '${model}', contains a NUL byte, at which ` +
    `ONNX Runtime would cut the string off. Use an id without one`,
);

export const externalDataOutside = declare(
  "INVALID_ARGUMENT",
  (model: string, location: string) =>
    `model '${model}' keeps external data in '${location}', outside the folder of its model file, where it is not ` +
    `read. Put the file beside the model and save the model with that relative location`,
);

export const externalDataMissing = declare(
  "UNAVAILABLE",
  (model: string, location: string, path: string, reason: string) =>
    `model '${model}' keeps external data in '${location}', which cannot be read at ${path}: ${reason}. Copy the file ` +
    `into the version folder, beside the model file`,
);

export const modelFileUnreadable = declare(
  "UNAVAILABLE",
  (model: string, path: string, reason: string) => `unable to read '${path}' for model '${model}': ${reason}`,
);
