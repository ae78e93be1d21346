import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import { chainLinkShape } from "../../../core/errors/onnxruntime.ts";
import { deviceFailed } from "../../../core/errors/onnxruntime_execution.ts";
import type { WorkerModel, WorkerModelInfo, WorkerTensor } from "../../worker/protocol.ts";
import { setAssetDirectory } from "./assets.ts";
import { type ChainLink, LINK_TIMES, type OrtChainOptions } from "./chain_options.ts";
import { clean, runError } from "./failures.ts";
import { installMapShim, removeMapShim, selfTest } from "./map_shim.ts";
import type { OrtLoadOptions } from "./options.ts";
import type { Fetched } from "./tensors.ts";
import { creationError, endWithDevice, ERROR_SCOPES, RUN_OPTIONS, startWebGpu } from "./webgpu.ts";
import { readModel, WebTensors } from "./web_session.ts";
import { modelFile } from "./worker_model.ts";

type Ort = typeof import("onnxruntime-web/jspi");

/** A value on its way: from the main thread, or on the GPU. */
type ChainValue = { readonly given: WorkerTensor } | { readonly kept: OrtTensor };

/**
 * Several models in one worker, on one GPU device. What one writes and a later one reads stays on the GPU; only what the
 * caller asks for is read back.
 */
export class OrtChainModel implements WorkerModel<OrtChainOptions> {
  #ort!: Ort;
  #device!: GPUDevice;
  #options!: OrtChainOptions;
  #models: ChainedModel[] = [];
  /** A run has failed since the sessions were made. */
  #broken = false;

  async load(options: OrtChainOptions): Promise<WorkerModelInfo> {
    setAssetDirectory(options.assetDirectory);
    this.#options = options;
    this.#ort = (await startWebGpu()).ort;
    const fast = installMapShim();
    await this.#open();
    this.#device = await this.#ort.env.webgpu.device as unknown as GPUDevice;
    if (fast && !await selfTest(this.#device)) removeMapShim();
    endWithDevice(this.#device);
    const { description, vendor } = this.#device.adapterInfo;
    return { runtime: "webgpu", device: description || vendor || "GPU" };
  }

  /** Runs as many links as the wanted outputs need. */
  async run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    if (this.#broken) {
      // After a failed run of a session that keeps outputs on the GPU, every later one fails with it.
      await this.release();
      await this.#open();
      this.#broken = false;
    }
    const values = new Map<string, ChainValue>(inputs.map((given) => [given.name, { given }]));
    try {
      return await this.#guarded(async () => {
        const times = await this.#runLinks(values, neededLinks(this.#options.links, outputs));
        return await Promise.all(outputs.map((name) => name === LINK_TIMES ? times : this.#read(name, values)));
      });
    } finally {
      for (const value of values.values()) if ("kept" in value) value.kept.dispose();
    }
  }

  async release(): Promise<void> {
    for (const { session } of this.#models.splice(0)) await session.release();
  }

  async #open(): Promise<void> {
    for (const options of this.#options.models) this.#models.push(await openModel(this.#ort, options));
  }

  /** Calls what uses the GPU, and throws what the GPU reports beside it. */
  async #guarded<Result>(call: () => Promise<Result>): Promise<Result> {
    for (const filter of ERROR_SCOPES) this.#device.pushErrorScope(filter);
    let failure: unknown;
    let result: Result | undefined;
    try {
      result = await call();
    } catch (thrown) {
      failure = thrown;
    }
    const errors = await Promise.all(ERROR_SCOPES.map(() => this.#device.popErrorScope()));
    const error = errors.find((error) => error !== null);
    if (error) {
      this.#broken = true;
      throw deviceFailed(this.#options.models[0].modelName, "GPU", clean(error.message));
    }
    if (failure) throw failure;
    return result!;
  }

  async #runLinks(values: Map<string, ChainValue>, count: number): Promise<WorkerTensor> {
    const times = new Float64Array(count * 2);
    for (let i = 0; i < count; i++) {
      const link = this.#options.links[i];
      const began = performance.now();
      times[2 * i] = await this.#runLink(link, values);
      times[2 * i + 1] = performance.now() - began;
    }
    return { name: LINK_TIMES, datatype: "FP64", shape: [count, 2], data: new Uint8Array(times.buffer) };
  }

  /** @returns the rows that the model was given. */
  async #runLink(link: ChainLink, values: Map<string, ChainValue>): Promise<number> {
    const { options, session, tensors } = this.#models[link.model];
    const given: WorkerTensor[] = [];
    const kept: Record<string, OrtTensor> = {};
    let rows = 1;
    for (const { name, tensor, dims } of link.inputs) {
      const value = values.get(tensor);
      if (!value) continue; // optional, and left out
      const shape = "given" in value ? value.given.shape : value.kept.dims;
      if (!fits(shape, dims, link.maxBatchSize)) throw chainLinkShape(options.modelName, name, shape, dims);
      if (link.maxBatchSize > 0) rows = shape[0];
      if ("given" in value) given.push({ ...value.given, name });
      else kept[name] = value.kept;
    }
    const feeds = { ...tensors.feeds(given), ...kept };
    let results: InferenceSession.ReturnType;
    try {
      results = await session.run(feeds, link.outputs.map(({ name }) => name), RUN_OPTIONS);
    } catch (thrown) {
      this.#broken = true;
      throw runError(thrown, options.modelName);
    }
    for (const { name, tensor } of link.outputs) values.set(tensor, { kept: results[name] as OrtTensor });
    return rows;
  }

  async #read(name: string, values: ReadonlyMap<string, ChainValue>): Promise<WorkerTensor> {
    const { kept } = values.get(name) as { kept: OrtTensor };
    const { link, output } = writerOf(this.#options.links, name);
    const data = await kept.getData();
    const fetched = { type: kept.type, dims: kept.dims, data } as unknown as Fetched;
    return { ...this.#models[link.model].tensors.output(output, fetched), name };
  }
}

interface ChainedModel {
  readonly options: OrtLoadOptions;
  readonly session: InferenceSession;
  readonly tensors: WebTensors;
}

async function openModel(ort: Ort, options: OrtLoadOptions): Promise<ChainedModel> {
  const { bytes, sessionOptions } = await readModel({ ...options, modelPath: await modelFile(options.modelPath) });
  try {
    const session = await ort.InferenceSession.create(bytes, {
      ...sessionOptions,
      executionProviders: [{ name: "webgpu", ...options.webgpu }],
      preferredOutputLocation: "gpu-buffer",
    });
    return { options, session, tensors: new WebTensors(options) };
  } catch (thrown) {
    throw creationError(thrown, options);
  }
}

/** How many links have to run for these tensors. */
function neededLinks(links: readonly ChainLink[], wanted: readonly string[]): number {
  for (let count = links.length; count > 0; count--) {
    if (links[count - 1].outputs.some(({ tensor }) => wanted.includes(tensor))) return count;
  }
  return 0;
}

function writerOf(links: readonly ChainLink[], tensor: string): { link: ChainLink; output: string } {
  for (const link of links) {
    const output = link.outputs.find((output) => output.tensor === tensor);
    if (output) return { link, output: output.name };
  }
  throw new Error(`no link of the chain writes '${tensor}'`);
}

function fits(shape: readonly number[], dims: readonly number[], maxBatchSize: number): boolean {
  if (shape.length !== dims.length || maxBatchSize > 0 && shape[0] > maxBatchSize) return false;
  return dims.every((dim, i) => dim === -1 || dim === shape[i]);
}
