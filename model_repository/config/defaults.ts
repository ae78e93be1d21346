import { create } from "@bufbuild/protobuf";
import { noBackend } from "../../core/errors/load.ts";
import {
  type ModelConfig,
  ModelOptimizationPolicy_PinnedMemoryBufferSchema,
  ModelOptimizationPolicySchema,
  ModelTransactionPolicySchema,
  ModelVersionPolicySchema,
} from "../../proto/gen/model_config_pb.ts";

export const ENSEMBLE_PLATFORM = "ensemble";

const DEFAULT_SEQUENCE_IDLE_MICROSECONDS = 1_000_000n;

/**
 * Triton's backends that a model's platform or file tells, in the order in which they are tried. Those that this server
 * does not have are found too, so that the error names what is missing.
 */
export const KNOWN_BACKENDS: readonly { backend: string; platform: string; filename: string }[] = [
  { backend: "tensorrt", platform: "tensorrt_plan", filename: "model.plan" },
  { backend: "onnxruntime", platform: "onnxruntime_onnx", filename: "model.onnx" },
  { backend: "openvino", platform: "", filename: "model.xml" },
  { backend: "pytorch", platform: "pytorch_libtorch", filename: "model.pt" },
  { backend: "python", platform: "", filename: "model.py" },
];

/**
 * Fills in the name, and backend, platform and default file name where the others of them, the files, or at last the
 * model's name (`model.<backend>`) tell. Changes `config` in place.
 *
 * @param directory name of the model's directory.
 * @param files names in one version directory; undefined if there is none.
 * @throws Status INVALID_ARGUMENT where nothing tells the backend.
 */
export function completeBackend(config: ModelConfig, directory: string, files: readonly string[] | undefined): void {
  config.name ||= directory;
  if (config.platform === ENSEMBLE_PLATFORM) return;
  if (config.backend === "") config.backend = findBackend(config, files) ?? "";
  const known = KNOWN_BACKENDS.find(({ backend }) => backend === config.backend);
  if (known) {
    config.platform ||= known.platform;
    config.defaultModelFilename ||= known.filename;
  } else if (config.backend === "" && config.platform === "" && config.defaultModelFilename === "") {
    const dot = directory.indexOf(".");
    if (dot < 0) throw noBackend(directory);
    config.backend = directory.slice(dot + 1);
    config.defaultModelFilename = `model.${config.backend}`;
  }
}

function findBackend(config: ModelConfig, files: readonly string[] | undefined): string | undefined {
  const { platform, defaultModelFilename } = config;
  const undecided = platform === "" && defaultModelFilename === "";
  return KNOWN_BACKENDS.find((known) =>
    (known.platform !== "" && known.platform === platform) || known.filename === defaultModelFilename ||
    (undecided && files?.includes(known.filename))
  )?.backend;
}

/**
 * Sets Triton's defaults of the fields that a configuration leaves out: the version policy, sizes of batchers, the idle
 * time of sequences, pinned memory. Once before {@link validateAtPoll} and again after a backend has completed the
 * configuration; what is set stays. Changes `config` in place.
 */
export function normaliseConfig(config: ModelConfig): void {
  config.versionPolicy ??= create(ModelVersionPolicySchema, {
    policyChoice: { case: "latest", value: { numVersions: 1 } },
  });
  const scheduling = config.schedulingChoice;
  if (scheduling.case === "dynamicBatching") {
    preferMaxBatchSize(scheduling.value.preferredBatchSize, config);
  } else if (scheduling.case === "sequenceBatching") {
    scheduling.value.maxSequenceIdleMicroseconds ||= DEFAULT_SEQUENCE_IDLE_MICROSECONDS;
    const strategy = scheduling.value.strategyChoice;
    if (strategy.case === "oldest") preferMaxBatchSize(strategy.value.preferredBatchSize, config);
  }
  if (scheduling.case === "ensembleScheduling") {
    config.modelTransactionPolicy ??= create(ModelTransactionPolicySchema);
  } else {
    config.optimization ??= create(ModelOptimizationPolicySchema);
    config.optimization.inputPinnedMemory ??= pinned();
    config.optimization.outputPinnedMemory ??= pinned();
  }
}

function preferMaxBatchSize(sizes: number[], config: ModelConfig): void {
  if (sizes.length === 0 && config.maxBatchSize > 0) sizes.push(config.maxBatchSize);
}

const pinned = () => create(ModelOptimizationPolicy_PinnedMemoryBufferSchema, { enable: true });
