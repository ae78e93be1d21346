import {
  allowedSizesEnd,
  allowedSizesNotAList,
  allowedSizesNotPossible,
  allowedSizesWithoutBatching,
} from "../core/errors/batching.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

const PARAMETER = "allowed_batch_sizes";

/** Backends whose kernels depend on shapes; others run batches as they are, whatever the parameter says. */
const PADDING_BACKENDS: ReadonlySet<string> = new Set(["onnxruntime"]);

/** True if the backend of a model heeds {@link allowedBatchSizes}. */
export function padsBatches({ backend }: ModelConfig): boolean {
  return PADDING_BACKENDS.has(backend);
}

/**
 * The sizes to which batches of a model are padded, ascending, from its parameter `allowed_batch_sizes`: `"1,2,4,8"`. They
 * bound the shapes that a GPU compiles its kernels for. Undefined without the parameter: batches run as they are.
 *
 * @throws Status INVALID_ARGUMENT
 */
export function allowedBatchSizes(config: ModelConfig): readonly number[] | undefined {
  const text = config.parameters[PARAMETER]?.stringValue;
  if (text === undefined) return undefined;
  const { name, maxBatchSize } = config;
  const sizes = text.split(",").map((size) => /^\s*[0-9]+\s*$/.test(size) ? Number(size) : NaN);
  if (!sizes.every((size, i) => size > (i === 0 ? 0 : sizes[i - 1]))) throw allowedSizesNotAList(name, text);
  if (maxBatchSize === 0) throw allowedSizesWithoutBatching(name);
  const largest = sizes[sizes.length - 1];
  if (largest !== maxBatchSize) throw allowedSizesEnd(name, largest, maxBatchSize);
  const obstacle = obstacleOf(config);
  if (obstacle !== undefined) throw allowedSizesNotPossible(name, obstacle);
  return sizes;
}

function obstacleOf(config: ModelConfig): string | undefined {
  if (config.schedulingChoice.case === "sequenceBatching") return "sequence_batching";
  if (config.batchInput.length > 0) return "batch_input";
  if (config.batchOutput.length > 0) return "batch_output";
  const ragged = config.input.find(({ allowRaggedBatch }) => allowRaggedBatch);
  return ragged && `the ragged input '${ragged.name}'`;
}
