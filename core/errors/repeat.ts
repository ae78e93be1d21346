/** Errors of the repeat backend. */
import { declare } from "./declare.ts";

export const repeatBatching = declare(
  "INVALID_ARGUMENT",
  (model: string) => `repeat backend only supports models with max_batch_size == 0 (model '${model}')`,
);

export const repeatNotDecoupled = declare(
  "INVALID_ARGUMENT",
  (model: string) =>
    `repeat backend only supports models with decoupled transaction policy: it sends as many responses as the request ` +
    `asks for. Add 'model_transaction_policy { decoupled: true }' to the configuration of model '${model}'`,
);

export const repeatTensorCount = declare(
  "INVALID_ARGUMENT",
  (kind: string, expected: number, got: number) => `expected ${expected} ${kind}s, got ${got}`,
);

export const repeatTensorName = declare(
  "INVALID_ARGUMENT",
  (position: string, kind: string, expected: string, got: string) =>
    `expected ${position} ${kind} tensor name to be ${expected}, got ${got}`,
);

export const repeatTensorShape = declare(
  "INVALID_ARGUMENT",
  (tensor: string, expected: string, got: readonly bigint[]) => `expected ${tensor} shape to ${expected}, got [${got}]`,
);

export const repeatTensorType = declare(
  "INVALID_ARGUMENT",
  (tensor: string, expected: string, got: string) => `expected ${tensor} datatype to be ${expected}, got ${got}`,
);

export const repeatLengths = declare(
  "INVALID_ARGUMENT",
  (inElements: number, delayElements: number) =>
    `expected IN and DELAY shape to match, got [${inElements}] and [${delayElements}]`,
);
