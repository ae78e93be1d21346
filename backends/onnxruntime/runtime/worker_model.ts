import { join } from "node:path";
import type { WorkerModel, WorkerTensor } from "../../worker/protocol.ts";
import { setAssetDirectory } from "./assets.ts";
import type { OrtLoadOptions, OrtModelInfo } from "./options.ts";
import type { OrtSession } from "./session.ts";

export type { OrtLoadOptions, OrtModelInfo, OrtRuntime, OrtTensorSpec, WebGpuOptions } from "./options.ts";

/** The file that a `default_model_filename` which is a directory must contain. */
const MODEL_IN_DIRECTORY = "model.onnx";

/**
 * A model on ONNX Runtime, inside its worker. Only the runtime that is asked for is imported.
 *
 * `load` throws, besides Status, a `RuntimeUnavailableError` (this machine cannot start that runtime) or a
 * `KernelsMissingError` (the model cannot run on WebGPU): the main thread knows them by their `name` and chooses another
 * runtime.
 */
export class OrtWorkerModel implements WorkerModel<OrtLoadOptions> {
  #session: OrtSession | undefined;

  async load(options: OrtLoadOptions): Promise<OrtModelInfo> {
    setAssetDirectory(options.assetDirectory);
    const session = await open({ ...options, modelPath: await modelFile(options.modelPath) });
    this.#session = session;
    return { runtime: options.runtime, device: session.device, placement: session.placement };
  }

  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> | WorkerTensor[] {
    return this.#session!.run(inputs, outputs);
  }

  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}

async function open(options: OrtLoadOptions): Promise<OrtSession> {
  switch (options.runtime) {
    case "native":
      return (await import("./native.ts")).openNative(options);
    case "wasm":
      return (await import("./wasm.ts")).openWasm(options);
    case "webgpu":
      return (await import("./webgpu.ts")).openWebGpu(options);
  }
}

/** The model file of a `default_model_filename`, which may be a directory. */
export async function modelFile(path: string): Promise<string> {
  try {
    if ((await Deno.stat(path)).isDirectory) return join(path, MODEL_IN_DIRECTORY);
  } catch {
    // reading it says what is wrong
  }
  return path;
}
