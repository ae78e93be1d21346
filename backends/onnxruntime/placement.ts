import type { DataType } from "../../core/data_type.ts";
import { type ModelConfig, ModelInstanceGroup_Kind as Kind } from "../../proto/gen/model_config_pb.ts";
import type { OnnxGraph } from "./graph.ts";

/** One instance to be started. */
export interface InstancePlan {
  /** `<group>_<index>`. */
  readonly name: string;
  readonly group: string;
  readonly passive: boolean;
  /** What its group asks for. */
  readonly gpu: boolean;
}

/** Types that WebGPU's kernels do not compute with: such models would run on its slow fallback, if at all. */
const NOT_ON_WEBGPU: readonly DataType[] = ["FP64", "BYTES", "INT8", "INT16", "UINT16", "UINT64"];

/** The instances that a configuration's groups ask for, in order. */
export function planInstances(config: ModelConfig, warning: (message: string) => void): InstancePlan[] {
  return config.instanceGroup.flatMap(({ name, kind, count, gpus, passive }) => {
    const foreign = gpus.filter((id) => id !== 0);
    if (foreign.length > 0) {
      warning(
        `instance group '${name}' of model '${config.name}' asks for GPU ${foreign.join(", ")}: WebGPU offers one ` +
          "adapter, number 0, and the group runs there",
      );
    }
    const gpu = kind === Kind.GPU;
    return Array.from({ length: Math.max(1, count) }, (_, i) => ({ name: `${name}_${i}`, group: name, passive, gpu }));
  });
}

/** Why a model cannot use WebGPU, as far as its file tells; "" if nothing speaks against it. */
export function webGpuObstacle(graph: OnnxGraph): string {
  for (const [kind, tensors] of [["input", graph.inputs], ["output", graph.outputs]] as const) {
    for (const { name, datatype } of tensors) {
      if (datatype && NOT_ON_WEBGPU.includes(datatype)) {
        return `WebGPU has no kernels for ${datatype}, the type of ${kind} '${name}'`;
      }
    }
  }
  return "";
}

/**
 * Threads within an operator for each of `instances` on the CPU: instances × threads fill the cores and no more, since
 * threads beyond that only wait for each other.
 *
 * @param configured what the model or the backend setting asks for; 0 for none.
 */
export function threadsPerInstance(configured: number, instances: number, cores: number): number {
  return configured > 0 ? configured : Math.max(1, Math.floor(cores / Math.max(1, instances)));
}

/** What {@link deviceText} needs of a started instance. */
export interface StartedInstance {
  /** `webgpu`, `native`, `wasm`. */
  readonly runtime: string;
  /** Adapter description. */
  readonly device: string;
  readonly threads: number;
}

/** Where a model runs, for people: `GPU (NVIDIA H100)`, `CPU (native, 2 × 1 thread)`. */
export function deviceText(instances: readonly StartedInstance[]): string {
  const counts = new Map<string, { first: StartedInstance; count: number }>();
  for (const instance of instances) {
    const entry = counts.get(instance.runtime);
    if (entry) entry.count++;
    else counts.set(instance.runtime, { first: instance, count: 1 });
  }
  return [...counts.values()].map(({ first, count }) => {
    if (first.runtime === "webgpu") {
      return `GPU (${first.device || "WebGPU"}${count > 1 ? `, ${count} instances` : ""})`;
    }
    return `CPU (${first.runtime}, ${count} × ${first.threads} thread${first.threads === 1 ? "" : "s"})`;
  }).join(" + ");
}
