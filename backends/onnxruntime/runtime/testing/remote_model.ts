/** Drives an `OrtWorkerModel` in a worker of its own, for tests. */
import type { DataType } from "../../../../core/data_type.ts";
import { probeGpu } from "../../../gpu.ts";
import type { WorkerTensor } from "../../../worker/protocol.ts";
import type { OrtLoadOptions, OrtModelInfo, OrtRuntime } from "../options.ts";

/** What a call in the worker threw. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  /** Of a Status. */
  readonly code?: string;
}

/** A worker's end takes the graphics driver's threads with it; a process that ends meanwhile may crash. */
const DRIVER_REST_MS = 150;

export class RemoteModel {
  readonly #worker = new Worker(new URL("./model_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;
  #runtime: OrtRuntime = "native";

  constructor() {
    this.#worker.onmessage = ({ data: [id, error, result] }) => {
      const { resolve, reject } = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (error) reject(error);
      else resolve(result);
    };
  }

  load(options: Partial<OrtLoadOptions> & { runtime: OrtRuntime; modelPath: string }): Promise<OrtModelInfo> {
    this.#runtime = options.runtime;
    return this.#call("load", [{
      modelName: "model_under_test",
      intraOpThreads: 1,
      interOpThreads: 1,
      executionMode: "sequential",
      graphOptimization: "all",
      inputs: [],
      outputs: [],
      ...options,
    }]) as Promise<OrtModelInfo>;
  }

  async run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    return await this.#call("run", [inputs, outputs]) as WorkerTensor[];
  }

  release(): Promise<unknown> {
    return this.#call("release", []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
    this.#worker.terminate();
    if (this.#runtime === "webgpu") await new Promise((resolve) => setTimeout(resolve, DRIVER_REST_MS));
  }

  #call(method: string, args: unknown[]): Promise<unknown> {
    const id = this.#calls++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage([id, method, args]);
    return waiting.promise;
  }
}

/** An input from numbers or bytes, at an offset into its buffer where `misaligned`. */
export function tensor(
  name: string,
  datatype: DataType,
  shape: readonly number[],
  data: ArrayBufferView,
  misaligned = false,
): WorkerTensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (!misaligned) return { name, datatype, shape, data: bytes };
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  return { name, datatype, shape, data: shifted.subarray(1) };
}

/** The same tensor in shared memory, as a ring hands it over. */
export function shared({ data, ...rest }: WorkerTensor): WorkerTensor {
  const memory = new Uint8Array(new SharedArrayBuffer(data.byteLength + 8), 8);
  memory.set(data);
  return { ...rest, data: memory };
}

/** False, saying so, where no adapter is there to test WebGPU with. */
export async function hasAdapter(): Promise<boolean> {
  if (await probeGpu()) return true;
  console.log("skipped on WebGPU: no adapter; Debian's mesa-vulkan-drivers and libvulkan1 have a software one");
  return false;
}
