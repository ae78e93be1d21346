/** Errors of inference requests: routing to a model, fitting its configuration, waiting, and running. */
import { declare } from "./declare.ts";

export const unknownModel = declare(
  "NOT_FOUND",
  (model: string) => `Request for unknown model: '${model}' is not found`,
);

export const unknownModelDidYouMean = declare(
  "NOT_FOUND",
  (model: string, nearest: string) => `Request for unknown model: '${model}' is not found. Did you mean '${nearest}'?`,
);

export const modelWithoutConfiguration = declare(
  "NOT_FOUND",
  (model: string, reason: string) =>
    `Request for unknown model: '${model}' is not found. It is in the repository but cannot be served: ${reason}`,
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

/** A version that served until nothing was left for it to run on. */
export const versionLost = declare(
  "UNAVAILABLE",
  (model: string, version: string | number, reason: string) =>
    `Request for unknown model: '${model}' version ${version} is not at ready state: ${reason}`,
);

export const versionNotANumber = declare(
  "INVALID_ARGUMENT",
  (version: string) =>
    `failed to get model version from specified version string '${version}' (details: stol), version should be an ` +
    `integral value > 0`,
);

export const versionNegative = declare(
  "INVALID_ARGUMENT",
  (version: string) => `invalid model version specified '${version}' , version should be an integral value > 0`,
);

export const wrongResponseCount = declare(
  "INTERNAL",
  (count: number) => `expected the model to produce exactly 1 response, got ${count}`,
);

export const requestCancelled = declare("CANCELLED", () => "Request cancelled");

/** `[request id: X] `, the prefix that most texts about a request's tensors have. */
export function prefix(id: string): string {
  return `[request id: ${id === "" ? "<id_unknown>" : id}] `;
}

function quoted(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join(",")}]`;
}

export const unknownInput = declare(
  "INVALID_ARGUMENT",
  (model: string, input: string) => `unexpected inference input '${input}' for model '${model}'`,
);

export const unknownOutput = declare(
  "INVALID_ARGUMENT",
  (model: string, output: string) => `unexpected inference output '${output}' for model '${model}'`,
);

export const duplicateInput = declare(
  "INVALID_ARGUMENT",
  (id: string, input: string) => `${prefix(id)}input '${input}' already exists in request`,
);

export const duplicateOutput = declare(
  "INVALID_ARGUMENT",
  (id: string, output: string) => `${prefix(id)}output '${output}' already exists in request`,
);

/** What a model wants and a request brought, as {@link wrongInputs} tells it. */
export interface InputCount {
  readonly required: number;
  readonly total: number;
  readonly got: readonly string[];
  readonly missing: readonly string[];
  /** Got, and not among the model's. */
  readonly unexpected: readonly string[];
}

export const wrongInputs = declare("INVALID_ARGUMENT", (id: string, model: string, count: InputCount) => {
  const { required, total, got, missing, unexpected } = count;
  const expected = required === total
    ? `expected ${total} inputs`
    : `expected number of inputs between ${required} and ${total}`;
  return `${prefix(id)}${expected} but got ${got.length} inputs for model '${model}'. Got input(s) ${
    quoted(got)
  }, but ` +
    // Triton loses the opening bracket where nothing is missing.
    `missing required input(s) ${missing.length === 0 ? "]" : quoted(missing)}. Please provide all required input(s).` +
    (unexpected.length === 0 ? "" : ` Unexpected input(s): ${quoted(unexpected)}.`);
});

export const noBatchDimension = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string) =>
    `${prefix(id)}input '${input}' has no shape but model requires batch dimension for '${model}'`,
);

export const differentBatchSizes = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string) =>
    `${prefix(id)}input '${input}' batch size does not match other inputs for '${model}'`,
);

export const batchTooLarge = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, maxBatchSize: number) =>
    `${prefix(id)}inference request batch-size must be <= ${maxBatchSize} for '${model}'`,
);

export const wrongDatatype = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, got: string, expected: string) =>
    `${prefix(id)}inference input '${input}' data-type is '${got}', but model '${model}' expects '${expected}'`,
);

export const dimensionsNotSpecified = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, shape: readonly number[]) =>
    `${prefix(id)}All input dimensions should be specified for input '${input}' for model '${model}', got [${shape}]`,
);

export const invalidDimensions = declare(
  "INVALID_ARGUMENT",
  (input: string, shape: readonly number[]) =>
    `invalid shape for input '${input}': shape [${shape}] contains one or more invalid dimensions`,
);

const BATCH_NOTE = "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be " +
  "prepended to each input shape. If you want to specify the full shape including the batch dim in your input dims " +
  "config, try setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";

export const wrongShape = declare(
  "INVALID_ARGUMENT",
  (
    id: string,
    model: string,
    input: string,
    expected: readonly number[],
    got: readonly number[],
    batching: boolean,
  ) =>
    `${prefix(id)}unexpected shape for input '${input}' for model '${model}'. Expected [${expected}], got [${got}]. ` +
    (batching ? BATCH_NOTE : ""),
);

export const wrongByteSize = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, expected: number, got: number) =>
    `${prefix(id)}input byte size mismatch for input '${input}' for model '${model}'. Expected ${expected}, got ${got}`,
);

export const tooFewStrings = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, expected: number, got: number) =>
    `${prefix(id)}expected ${expected} string elements for inference input '${input}' for model '${model}', got ${got}`,
);

export const tooManyStrings = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, expected: number, got: number) =>
    `${prefix(id)}unexpected number of string elements ${got} for inference input '${input}' for model '${model}', ` +
    `expecting ${expected}`,
);

export const incompleteStringLength = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, input: string, available: number) =>
    `${
      prefix(id)
    }incomplete string length indicator for inference input '${input}' for model '${model}', expecting 4 ` +
    `bytes but only ${available} bytes available. Please make sure the string length indicator is in one buffer.`,
);

export const incompleteString = declare(
  "INVALID_ARGUMENT",
  (input: string, length: number, available: number) =>
    `incomplete string data for inference input '${input}', expecting string of length ${length} but only ` +
    `${available} bytes available`,
);

export const rawInputCount = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, inputs: number) =>
    `${prefix(id)}Raw request must only have 1 input (found 1) to be deduced but got ${inputs} inputs in '${model}' ` +
    `model configuration`,
);

export const rawShapeUnknown = declare(
  "INVALID_ARGUMENT",
  (id: string, input: string) =>
    `${prefix(id)}The shape of the raw input '${input}' can not be deduced because there are more than one ` +
    `variable-sized dimension`,
);

export const rawStringShape = declare(
  "INVALID_ARGUMENT",
  (id: string, input: string) =>
    `${prefix(id)}For BYTE datatype raw input '${input}', the model must have input shape [1]`,
);

export const wrongCorrelationIdType = declare(
  "INVALID_ARGUMENT",
  (id: string, model: string, control: string, got: string, expected: string) =>
    `${prefix(id)}sequence batching control '${control}' data-type is '${got}', but model '${model}' expects ` +
    `'${expected}'`,
);
