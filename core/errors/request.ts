/** Errors of inference requests: routing to a model, fitting its configuration, waiting, and running. */
import { declare } from "./declare.ts";

export const unknownModel = declare(
  "NOT_FOUND",
  (model: string) => `Request for unknown model: '${model}' is not found`,
);

export const unknownVersion = declare(
  "NOT_FOUND",
  (model: string, version: string | number) => `Request for unknown model: '${model}' version ${version} is not found`,
);

export const noAvailableVersion = declare(
  "NOT_FOUND",
  (model: string) => `Request for unknown model: '${model}' has no available versions`,
);

export const versionNotReady = declare(
  "UNAVAILABLE",
  (model: string, version: string | number) =>
    `Request for unknown model: '${model}' version ${version} is not at ready state`,
);

export const wrongResponseCount = declare(
  "INTERNAL",
  (count: number) => `expected the model to produce exactly 1 response, got ${count}`,
);
