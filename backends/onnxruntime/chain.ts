import type { LoadedModel } from "../backend.ts";
import type { BatchPlan } from "../batch_io.ts";
import { workerModule } from "../worker/module.ts";
import type { Survivors } from "../worker/survivors.ts";
import { type TensorSpec, WorkerInstance } from "../worker/worker_instance.ts";
import type { OnnxGraph } from "./graph.ts";
import { type ChainLink, LINK_TIMES, type OrtChainOptions } from "./runtime/chain_options.ts";
import type { OrtLoadOptions } from "./runtime/options.ts";

export { type ChainInput, type ChainLink, type ChainOutput, LINK_TIMES } from "./runtime/chain_options.ts";

/** What a chain needs of a model whose instances all run on WebGPU. */
export interface ChainOffer {
  /** How it is loaded. */
  readonly options: OrtLoadOptions;
  readonly graph: OnnxGraph;
  /** `<repository>/<model>`. */
  readonly directory: string;
  /** `gpu-check`: what runs on WebGPU is compared before it serves. */
  readonly gpuCheck: boolean;
  readonly executionTimeoutSecs: number;
}

const offered = new WeakMap<LoadedModel, ChainOffer>();

/** Says that a model whose instances all run on WebGPU can run in chains too. */
export function offerToChains(loaded: LoadedModel, offer: ChainOffer): void {
  offered.set(loaded, offer);
}

/** What a chain needs of a model; undefined for one that does not run on WebGPU alone. */
export function chainOfferOf(loaded: LoadedModel): ChainOffer | undefined {
  return offered.get(loaded);
}

/** What a chain is started from. */
export interface ChainSpec {
  /** The ensemble that it belongs to. */
  readonly modelName: string;
  readonly modelVersion: string;
  /** Of the chain. */
  readonly group: string;
  /** Of this worker. */
  readonly name: string;
  readonly models: readonly ChainOffer[];
  readonly links: readonly ChainLink[];
  /** A run may be a batch of several requests. */
  readonly batching: boolean;
  /** Sizes that batches are padded to, ascending; none to run them as they are. */
  readonly allowedSizes: readonly number[];
  /** Shared by the workers of one chain. */
  readonly survivors: Survivors;
  readonly onLog: (severity: "info" | "warning", text: string) => void;
  /** The worker's module, where it is not the usual one. */
  readonly module?: URL | string;
}

/**
 * Starts a worker that runs several models one after the other on the GPU. Its inputs are what no link
 * writes, its outputs every tensor that a link writes, and {@link LINK_TIMES}.
 *
 * @throws WorkerLoadError where a model does not load there.
 */
export function startChain(spec: ChainSpec): Promise<WorkerInstance<OrtChainOptions>> {
  const { models, links, batching, allowedSizes, module, ...rest } = spec;
  const options = models.map((offer) => offer.options);
  const inputs = new Map<string, TensorSpec>();
  const outputs: TensorSpec[] = [{ name: LINK_TIMES, datatype: "FP64" }];
  links.forEach(({ model, inputs: reads, outputs: writes }) => {
    for (const { name, tensor } of reads) {
      if (outputs.some((output) => output.name === tensor)) continue;
      inputs.set(tensor, { name: tensor, datatype: datatypeOf(options[model].inputs, name) });
    }
    for (const { name, tensor } of writes) {
      outputs.push({ name: tensor, datatype: datatypeOf(options[model].outputs, name) });
    }
  });
  return WorkerInstance.start<OrtChainOptions>({
    ...rest,
    module: module ?? workerModule("backends/onnxruntime/chain_worker"),
    options: { models: options, links, batching, assetDirectory: options[0].assetDirectory },
    inputs: [...inputs.values()],
    outputs,
    plan: allowedSizes.length > 0 ? paddingTo(allowedSizes) : undefined,
    blocking: false,
    executionTimeoutSecs: Math.max(...models.map(({ executionTimeoutSecs }) => executionTimeoutSecs)),
  });
}

function paddingTo(allowedSizes: readonly number[]): BatchPlan {
  return { ragged: new Set(), made: [], scattered: new Map(), allowedSizes };
}

function datatypeOf(specs: readonly TensorSpec[], name: string) {
  return specs.find((spec) => spec.name === name)!.datatype;
}
