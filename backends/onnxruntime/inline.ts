import { ELEMENT_SIZE } from "../../core/data_type.ts";
import { elementCount } from "../../core/tensor.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { WorkerModel, WorkerTensor } from "../worker/protocol.ts";
import type { OnnxGraph } from "./graph.ts";
import type { OrtTensorSpec } from "./runtime/options.ts";

/** What an execution may take at the model's largest batch to run on the main thread: less than a worker's wake-up. */
const MOST_MICROS = 80;
/** Inputs of the largest batch that are still small. */
const MOST_BYTES = 64 * 1024;
/** Milliseconds of trying: the first runs are slow, and so is a machine with other work. */
const TRIAL_MS = 25;
/** Runs that are tried whatever time they take: one of them alone may have waited for a core. */
const LEAST_TRIALS = 20;
/** Runs after which a model that is far too slow is known. */
const FIRST_TRIALS = 5;

/**
 * Operators that can make large outputs of small inputs, because values, not shapes, say how large: two integers are
 * enough for a `ConstantOfShape` of gigabytes.
 */
const SIZED_BY_VALUES: ReadonlySet<string> = new Set([
  "AffineGrid",
  "BlackmanWindow",
  "CenterCropPad",
  "Col2Im",
  "ConstantOfShape",
  "DFT",
  "Expand",
  "HammingWindow",
  "HannWindow",
  "ImageDecoder",
  "MaxUnpool",
  "MelWeightMatrix",
  "OneHot",
  "Pad",
  "Range",
  "Resize",
  "Tile",
  "Upsample",
]);

/** True where the cost of an operator follows from the shapes of its inputs. Of those of other domains nothing is known. */
function boundedByShapes(operator: string): boolean {
  return !SIZED_BY_VALUES.has(operator) && (!operator.includes(".") || operator.startsWith("ai.onnx.ml."));
}

/**
 * The largest inputs that requests of this model can have, zeros; undefined if the cost of an execution is not bounded
 * by them. Bounded means: every dimension is fixed but the batch, which `max_batch_size` limits; no branches or loops, and
 * no operators whose work depends on values; no strings; nothing that batching or sequences add.
 */
export function largestInputs(
  config: ModelConfig,
  graph: OnnxGraph,
  inputs: readonly OrtTensorSpec[],
): WorkerTensor[] | undefined {
  if (graph.controlFlow || config.batchInput.length > 0 || config.batchOutput.length > 0) return undefined;
  if (config.schedulingChoice.case === "sequenceBatching") return undefined;
  for (const operator of graph.opTypes) if (!boundedByShapes(operator)) return undefined;
  let bytes = 0;
  const tensors: WorkerTensor[] = [];
  for (const { name, datatype } of inputs) {
    const input = config.input.find((each) => each.name === name);
    if (!input || datatype === "BYTES" || input.optional || input.allowRaggedBatch) return undefined;
    const dims = (input.reshape?.shape ?? input.dims).map(Number);
    if (dims.some((dim) => dim < 0)) return undefined;
    const shape = config.maxBatchSize > 0 ? [config.maxBatchSize, ...dims] : dims;
    const size = elementCount(shape) * ELEMENT_SIZE[datatype];
    bytes += size;
    if (bytes > MOST_BYTES) return undefined;
    tensors.push({ name, datatype, shape, data: new Uint8Array(size) });
  }
  return tensors;
}

/** True if the model answers its largest inputs faster than a worker could be woken for them. */
export function isFaster(
  model: Pick<WorkerModel<never>, "run">,
  inputs: readonly WorkerTensor[],
  outputs: readonly string[],
): boolean {
  const end = performance.now() + TRIAL_MS;
  let best = Infinity;
  for (let trial = 1; trial <= LEAST_TRIALS || performance.now() < end; trial++) {
    const began = performance.now();
    try {
      if (model.run(inputs, outputs) instanceof Promise) return false;
    } catch {
      return false; // what it does not like about zeros is reported by the requests that bring them
    }
    best = Math.min(best, (performance.now() - began) * 1000);
    if (best < MOST_MICROS) return true;
    if (trial >= FIRST_TRIALS && best > 10 * MOST_MICROS) return false;
  }
  return false;
}
