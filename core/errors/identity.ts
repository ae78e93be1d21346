/** Errors of the identity backend. */
import { declare } from "./declare.ts";

export const identityParameter = declare(
  "INVALID_ARGUMENT",
  (model: string, key: string, value: string, expected: string) =>
    `parameter '${key}' of model '${model}' has the value '${value}', expected ${expected}`,
);
