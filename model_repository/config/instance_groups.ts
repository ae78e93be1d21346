import { create } from "@bufbuild/protobuf";
import { groupProfile, groupWithGpus, groupWithoutGpu } from "../../core/errors/load.ts";
import {
  type ModelConfig,
  type ModelInstanceGroup,
  ModelInstanceGroup_Kind as Kind,
  ModelInstanceGroup_KindSchema as KindSchema,
  ModelInstanceGroupSchema,
} from "../../proto/gen/model_config_pb.ts";

/** Instances of a CPU group without a count, for the backend that Triton lets have more than one. */
const ONNXRUNTIME_CPU_COUNT = 2;

/** Which GPUs the machine has. */
export interface Gpus {
  /** A real one: KIND_AUTO goes by it. */
  readonly gpuAvailable: boolean;
  /** An adapter that only pretends to be a GPU, which KIND_GPU may use and KIND_AUTO does not. */
  readonly softwareGpu?: boolean;
}

/**
 * Gives every instance group its name, kind, count and GPUs: no group at all becomes one named after the model, a
 * nameless one `<model>_<index>`, KIND_AUTO becomes KIND_GPU where there is a GPU and KIND_CPU else, a count below 1
 * becomes 1, or 2 for ONNX Runtime on the CPU. Ensembles have no groups. Changes `config` in place.
 *
 * @throws Status INVALID_ARGUMENT for a group that asks for a GPU where there is none, or names GPUs without using them.
 */
export function normaliseInstanceGroups(config: ModelConfig, { gpuAvailable, softwareGpu = false }: Gpus): void {
  if (config.schedulingChoice.case === "ensembleScheduling") return;
  if (config.instanceGroup.length === 0) {
    config.instanceGroup.push(create(ModelInstanceGroupSchema, { name: config.name }));
  }
  const anyGpu = gpuAvailable || softwareGpu;
  config.instanceGroup.forEach((group, index) => {
    group.name ||= `${config.name}_${index}`;
    if (group.kind === Kind.AUTO) group.kind = gpuAvailable ? Kind.GPU : Kind.CPU;
    if (group.count < 1) group.count = defaultCount(group, config.backend);
    if (group.kind === Kind.GPU && anyGpu && group.gpus.length === 0) group.gpus.push(0);
  });
  for (const group of config.instanceGroup) validateGroup(group, config, anyGpu);
}

function defaultCount(group: ModelInstanceGroup, backend: string): number {
  return group.kind === Kind.CPU && backend === "onnxruntime" ? ONNXRUNTIME_CPU_COUNT : 1;
}

function validateGroup(group: ModelInstanceGroup, config: ModelConfig, gpuAvailable: boolean): void {
  if (group.kind === Kind.GPU) {
    if (!gpuAvailable) throw groupWithoutGpu(group.name, config.name);
  } else if (group.gpus.length > 0) {
    throw groupWithGpus(group.name, config.name, KindSchema.value[group.kind].name);
  }
  if (group.profile.length > 0) throw groupProfile(group.name, config.name, config.platform);
}
