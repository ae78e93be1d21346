import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import { chainLinkShape } from "../../../core/errors/onnxruntime.ts";
import { deviceFailed } from "../../../core/errors/onnxruntime_execution.ts";
import { reshaped } from "../../../core/reshaped.ts";
import type { WorkerModel, WorkerModelInfo, WorkerTensor } from "../../worker/protocol.ts";
import { setAssetDirectory } from "./assets.ts";
import { type ChainLink, LINK_TIMES, type OrtChainOptions } from "./chain_options.ts";
import { clean, runError } from "./failures.ts";
import { installMapShim, removeMapShim, selfTest } from "./map_shim.ts";
import type { OrtLoadOptions } from "./options.ts";
import { type Fetched, toWorkerTensor } from "./tensors.ts";
import { creationError, endWithDevice, ERROR_SCOPES, RUN_OPTIONS, startWebGpu } from "./webgpu.ts";
import { readModel, WebTensors } from "./web_session.ts";
import { modelFile } from "./worker_model.ts";

type Ort = typeof import("onnxruntime-web/jspi");

/** A value on its way, with the shape that the other models see. */
interface ChainValue {
  readonly shape: readonly number[];
  /** From the main thread, or on the GPU. */
  readonly source: WorkerTensor | OrtTensor;
}

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
    const values = new Map<string, ChainValue>(
      inputs.map((given) => [given.name, { shape: given.shape, source: given }]),
    );
    try {
      return await this.#guarded(async () => {
        const times = await this.#runLinks(values, neededLinks(this.#options.links, outputs));
        return await Promise.all(outputs.map((name) => name === LINK_TIMES ? times : this.#read(name, values)));
      });
    } finally {
      for (const { source } of values.values()) if (isKept(source)) source.dispose();
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
    const { links, batching } = this.#options;
    const times = new Float64Array(count * 2);
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      times[2 * i] = await this.#runLink(links[i], values, batching && i > 0 ? times[0] : undefined);
      times[2 * i + 1] = performance.now() - began;
    }
    const rows = batching ? times[0] : 1;
    const data = new Uint8Array(rows * times.byteLength);
    for (let row = 0; row < rows; row++) data.set(new Uint8Array(times.buffer), row * times.byteLength);
    return { name: LINK_TIMES, datatype: "FP64", shape: [rows, times.length], data };
  }

  /**
   * @param expected rows that it must be given; undefined for any number.
   * @returns the rows that the model was given.
   */
  async #runLink(link: ChainLink, values: Map<string, ChainValue>, expected: number | undefined): Promise<number> {
    const { options, session, tensors, scalars } = this.#models[link.model];
    const given: WorkerTensor[] = [];
    const kept: Record<string, OrtTensor> = {};
    let rows = 1;
    for (const { name, tensor, dims, reshape } of link.inputs) {
      const value = values.get(tensor);
      if (!value) continue; // optional, and left out
      const { shape, source } = value;
      if (!fits(shape, dims, link.maxBatchSize) || expected !== undefined && shape[0] !== expected) {
        const wanted = expected === undefined ? dims : [expected, ...dims.slice(1)];
        throw chainLinkShape(options.modelName, name, shape, wanted);
      }
      if (link.maxBatchSize > 0) rows = shape[0];
      const own = reshape ? reshaped(shape, dims, reshape, 0) : shape;
      if (isKept(source)) kept[name] = this.#inShape(source, scalars.has(name) ? [] : own);
      else given.push({ ...source, name, shape: own });
    }
    const feeds = { ...tensors.feeds(given), ...kept };
    let results: InferenceSession.ReturnType;
    try {
      results = await session.run(feeds, link.outputs.map(({ name }) => name), RUN_OPTIONS);
    } catch (thrown) {
      this.#broken = true;
      throw runError(thrown, options.modelName);
    }
    for (const { name, tensor, reshape } of link.outputs) {
      const source = results[name] as OrtTensor;
      const shape = scalars.has(name) && source.dims.length === 0 ? [1] : source.dims;
      const same = !reshape || shape.length !== reshape.from.length;
      values.set(tensor, { shape: same ? shape : reshaped(shape, reshape.from, reshape.to, 0), source });
    }
    return rows;
  }

  /** A tensor on the GPU under another shape; it stays the owner of its memory. */
  #inShape(kept: OrtTensor, shape: readonly number[]): OrtTensor {
    if (shape.length === kept.dims.length && shape.every((dim, i) => dim === kept.dims[i])) return kept;
    const dataType = kept.type as OrtTensor.GpuBufferDataTypes;
    return this.#ort.Tensor.fromGpuBuffer(kept.gpuBuffer, { dataType, dims: [...shape] });
  }

  async #read(name: string, values: ReadonlyMap<string, ChainValue>): Promise<WorkerTensor> {
    const { shape, source } = values.get(name)!;
    const kept = source as OrtTensor;
    const data = await kept.getData();
    const fetched = { type: kept.type, dims: shape, data } as unknown as Fetched;
    return toWorkerTensor(name, fetched, false);
  }
}

function isKept(source: WorkerTensor | OrtTensor): source is OrtTensor {
  return "dispose" in source;
}

interface ChainedModel {
  readonly options: OrtLoadOptions;
  readonly session: InferenceSession;
  readonly tensors: WebTensors;
  /** Names of inputs and outputs that are scalars in the graph. */
  readonly scalars: ReadonlySet<string>;
}

async function openModel(ort: Ort, options: OrtLoadOptions): Promise<ChainedModel> {
  const { bytes, sessionOptions } = await readModel({ ...options, modelPath: await modelFile(options.modelPath) });
  try {
    const session = await ort.InferenceSession.create(bytes, {
      ...sessionOptions,
      executionProviders: [{ name: "webgpu", ...options.webgpu }],
      preferredOutputLocation: "gpu-buffer",
    });
    const scalars = [...options.inputs, ...options.outputs].filter(({ scalar }) => scalar).map(({ name }) => name);
    return { options, session, tensors: new WebTensors(options), scalars: new Set(scalars) };
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

function fits(shape: readonly number[], dims: readonly number[], maxBatchSize: number): boolean {
  if (shape.length !== dims.length || maxBatchSize > 0 && shape[0] > maxBatchSize) return false;
  return dims.every((dim, i) => dim === -1 || dim === shape[i]);
}
