import type { LoadedModel } from "../backend.ts";
import { workerModule } from "../worker/module.ts";
import { type TensorSpec, WorkerInstance } from "../worker/worker_instance.ts";
import { type ChainLink, LINK_TIMES, type OrtChainOptions } from "./runtime/chain_options.ts";
import type { OrtLoadOptions } from "./runtime/options.ts";

export { type ChainLink, LINK_TIMES } from "./runtime/chain_options.ts";

const offered = new WeakMap<LoadedModel, OrtLoadOptions>();

/** Says that a model whose instances all run on WebGPU can run in chains too, and how it is loaded. */
export function offerToChains(loaded: LoadedModel, options: OrtLoadOptions): void {
  offered.set(loaded, options);
}

/** How a chain loads a model; undefined for one that does not run on WebGPU alone. */
export function chainOptionsOf(loaded: LoadedModel): OrtLoadOptions | undefined {
  return offered.get(loaded);
}

/** What a chain is started from. */
export interface ChainSpec {
  /** The ensemble that it belongs to. */
  readonly modelName: string;
  readonly modelVersion: string;
  readonly name: string;
  readonly models: readonly OrtLoadOptions[];
  readonly links: readonly ChainLink[];
  readonly onLog: (severity: "info" | "warning", text: string) => void;
}

/**
 * Starts a worker that runs several models one after the other on the GPU. Its inputs are what the first link reads, its
 * outputs every tensor that a link writes, and {@link LINK_TIMES}.
 *
 * @throws WorkerLoadError where a model does not load there.
 */
export function startChain(spec: ChainSpec): Promise<WorkerInstance<OrtChainOptions>> {
  const { models, links, ...rest } = spec;
  const inputs = new Map<string, TensorSpec>();
  const outputs: TensorSpec[] = [{ name: LINK_TIMES, datatype: "FP64" }];
  links.forEach(({ model, inputs: reads, outputs: writes }, index) => {
    for (const { name, tensor } of index === 0 ? reads : []) {
      inputs.set(tensor, { name: tensor, datatype: datatypeOf(models[model].inputs, name) });
    }
    for (const { name, tensor } of writes) {
      outputs.push({ name: tensor, datatype: datatypeOf(models[model].outputs, name) });
    }
  });
  return WorkerInstance.start<OrtChainOptions>({
    ...rest,
    group: spec.name,
    module: workerModule("backends/onnxruntime/chain_worker"),
    options: { models, links, assetDirectory: models[0].assetDirectory },
    inputs: [...inputs.values()],
    outputs,
    blocking: false,
  });
}

function datatypeOf(specs: readonly TensorSpec[], name: string) {
  return specs.find((spec) => spec.name === name)!.datatype;
}
