import { allowedBatchSizes, padsBatches } from "../../backends/allowed_batch_sizes.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";

/** Settings that are accepted, so that configurations need no change, and do nothing here. */
export interface IneffectiveSettings {
  /** Things that a user would miss, one sentence each. */
  readonly warnings: readonly string[];
  /** Things that only tune Triton on CUDA. */
  readonly notes: readonly string[];
}

/** What a configuration asks for in vain, whatever the backend. */
export function ineffectiveSettings(config: ModelConfig): IneffectiveSettings {
  const warnings: string[] = [];
  const notes: string[] = [];
  if (config.runtime !== "") {
    warnings.push(`'runtime: "${config.runtime}"' has no effect: a backend here has one runtime`);
  }
  for (const { name, secondaryDevices, hostPolicy } of config.instanceGroup) {
    if (secondaryDevices.length > 0) {
      warnings.push(`'secondary_devices' of instance group '${name}' has no effect: there are no such devices`);
    }
    if (hostPolicy !== "") {
      warnings.push(`'host_policy' of instance group '${name}' has no effect: threads are not bound to cores`);
    }
  }
  if (!padsBatches(config) && allowedBatchSizes(config) !== undefined) {
    warnings.push(`parameter 'allowed_batch_sizes' has no effect: the backend '${config.backend}' pads no batches`);
  }
  if (Object.keys(config.ccModelFilenames).length > 0) {
    notes.push("'cc_model_filenames' has no effect: WebGPU tells no CUDA compute capability");
  }
  const { cuda, gatherKernelBufferThreshold = 0, inputPinnedMemory, outputPinnedMemory } = config.optimization ?? {};
  if (cuda) notes.push("'optimization.cuda' has no effect: the GPU is used through WebGPU");
  if (gatherKernelBufferThreshold > 0) notes.push("'optimization.gather_kernel_buffer_threshold' has no effect");
  if (inputPinnedMemory?.enable === false || outputPinnedMemory?.enable === false) {
    notes.push("'optimization.input_pinned_memory' and 'output_pinned_memory' have no effect");
  }
  return { warnings, notes };
}
