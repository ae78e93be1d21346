/** Errors of the model repository: finding, reading, loading and unloading models. */
import { declare } from "./declare.ts";

/** Also the reason of the index entry. */
export const modelInSeveralRepositories = declare(
  "INVALID_ARGUMENT",
  () => "model appears in two or more repositories",
);

/** Not Triton's status: a name that is nowhere is a client's mistake. */
export const modelNotInRepository = declare(
  "INVALID_ARGUMENT",
  (model: string, roots: readonly string[], nearest: string | undefined) =>
    `failed to load '${model}', failed to poll from model repository: model not found in any model repository ` +
    `(${roots.join(", ")})${nearest === undefined ? "" : `. Did you mean '${nearest}'?`}`,
);

export const pollFailed = declare(
  "INVALID_ARGUMENT",
  (model: string, reason: string) => `failed to load '${model}', failed to poll from model repository: ${reason}`,
);

export const loadFailed = declare(
  "INVALID_ARGUMENT",
  (model: string, reasons: string) => `load failed for model '${model}': ${reasons}`,
);

/** One line of {@link loadFailed}. */
export function versionFailure(version: number, reason: string): string {
  return `version ${version} is at UNAVAILABLE state: ${reason};\n`;
}

export const repositoryNotFound = declare(
  "INTERNAL",
  (path: string) => `failed to stat file ${path}: the model repository must be an existing directory`,
);

export const noVersionAvailable = declare(
  "INVALID_ARGUMENT",
  (model: string) => `at least one version must be available under the version policy of model '${model}'`,
);

export const backendNotFound = declare(
  "INVALID_ARGUMENT",
  (backend: string, known: readonly string[]) =>
    `unable to find backend library for backend '${backend}', try specifying runtime on the model configuration. This ` +
    `server has the backends ${known.join(", ")}`,
);

export const fileNotReadable = declare(
  "INTERNAL",
  (path: string, why: string) => `failed to open text file for read ${path}: ${why}`,
);

export const warmupDimensions = declare(
  "INVALID_ARGUMENT",
  (input: string) => `warmup setting expects all variable-size dimensions are specified for input '${input}'`,
);

export const warmupDatatype = declare(
  "INVALID_ARGUMENT",
  (input: string) => `warmup setting expects input '${input}' to have a valid data_type`,
);

export const warmupWithoutData = declare(
  "INVALID_ARGUMENT",
  (input: string) => `[request id: <id_unknown>] warmup setting expects input '${input}' to have input_data_type set`,
);

export const warmupFileTooShort = declare(
  "INVALID_ARGUMENT",
  (file: string, expected: number, got: number) =>
    // Without a blank after the file, as clients know it.
    `[request id: <id_unknown>] warmup setting expects ${expected} bytes, but the data provided from ${file}only has ` +
    `${got} bytes`,
);

export const warmupFailed = declare(
  "INVALID_ARGUMENT",
  (sample: string, failures: readonly string[]) =>
    `failed to run warmup sample '${sample}': ${failures.map((failure) => `${failure}; `).join("")}`,
);

export const warmupBatchTooLarge = declare(
  "INVALID_ARGUMENT",
  (instance: string, batchSize: number, maxBatchSize: number) =>
    `batch size ${batchSize} for '${instance}', max allowed is ${maxBatchSize}`,
);
