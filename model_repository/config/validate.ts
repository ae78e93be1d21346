import { allowedBatchSizes } from "../../backends/allowed_batch_sizes.ts";
import { ensembleBackend, schedulingMissing } from "../../core/errors/ensemble.ts";
import {
  batchingLibrary,
  cacheWithDecoupled,
  negativeMaxBatchSize,
  platformBackendPair,
  unexpectedDirectory,
  unexpectedPlatform,
  unknownAgent,
} from "../../core/errors/load.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import { ENSEMBLE_PLATFORM, KNOWN_BACKENDS } from "./defaults.ts";
import { validateBatchTensors } from "./validate/batch_io.ts";
import { validateDynamicBatching } from "./validate/batching.ts";
import { validateEnsemble } from "./validate/ensemble.ts";
import { validateMetrics } from "./validate/metrics.ts";
import { validateSequenceBatching, validateStates } from "./validate/sequence.ts";
import { validateTensors } from "./validate/tensors.ts";

/**
 * The checks that Triton makes while it polls the repository: name, platform, schedulers, ensembles, cache, metrics.
 * They need `completeBackend` and `normaliseConfig` before, but not the completion by the backend.
 *
 * @param directory name of the model's directory.
 * @throws Status INVALID_ARGUMENT for the first thing wrong, with Triton's text first.
 */
export function validateAtPoll(config: ModelConfig, directory: string): void {
  const agent = config.modelRepositoryAgents?.agents[0];
  if (agent) throw unknownAgent(agent.name);
  validatePlatform(config);
  if (config.maxBatchSize < 0) throw negativeMaxBatchSize(config.name);
  validateScheduling(config);
  if (config.modelTransactionPolicy?.decoupled && config.responseCache?.enable) throw cacheWithDecoupled(config.name);
  if (config.modelMetrics) validateMetrics(config.modelMetrics);
  if (config.name !== directory) throw unexpectedDirectory(directory, config.name);
}

/**
 * The checks that Triton makes while it loads a model, when the backend has completed its configuration: inputs,
 * outputs, batch inputs and outputs, states. Instance groups are checked by `normaliseInstanceGroups`, what the graph
 * says by the backend, files and warmup samples when they are read.
 *
 * @throws Status INVALID_ARGUMENT for the first thing wrong, with Triton's text first.
 */
export function validateAtLoad(config: ModelConfig): void {
  validateTensors(config);
  validateBatchTensors(config);
  allowedBatchSizes(config);
  if ("TRITON_BATCH_STRATEGY_PATH" in config.parameters) throw batchingLibrary(config.name);
  if (config.schedulingChoice.case === "sequenceBatching") validateStates(config.schedulingChoice.value);
}

function validatePlatform({ name, platform, backend }: ModelConfig): void {
  if (platform === ENSEMBLE_PLATFORM) {
    if (backend !== "") throw ensembleBackend(name);
    return;
  }
  if (backend === "") throw unexpectedPlatform(platform, name);
  // Backends without a platform of their own, like those that Triton does not know, take any.
  const known = KNOWN_BACKENDS.find((known) => known.backend === backend && known.platform !== "");
  if (known && platform !== known.platform) throw platformBackendPair(platform, backend, known.platform);
}

function validateScheduling(config: ModelConfig): void {
  const scheduling = config.schedulingChoice;
  switch (scheduling.case) {
    case "dynamicBatching":
      validateDynamicBatching(config, scheduling.value);
      break;
    case "sequenceBatching":
      validateSequenceBatching(config, scheduling.value);
      break;
    case "ensembleScheduling":
      validateEnsemble(config, scheduling.value);
      return;
  }
  if (config.platform === ENSEMBLE_PLATFORM) throw schedulingMissing(config.name);
}
