import type { InferenceSession } from "onnxruntime-web";
import type { WorkerTensor } from "../../worker/protocol.ts";
import { RUNTIME_FILES, webAsset } from "./assets.ts";
import { loadError, runError, RuntimeUnavailableError } from "./failures.ts";
import type { OrtLoadOptions } from "./options.ts";
import type { OrtSession } from "./session.ts";
import { LOG_FATAL } from "./session_options.ts";
import type { Fetched } from "./tensors.ts";
import { readModel, readWasm, WebTensors } from "./web_session.ts";

/** ONNX Runtime's own default: more threads seldom pay in WebAssembly. */
const DEFAULT_THREADS = 4;
const RUN_OPTIONS: InferenceSession.RunOptions = { logSeverityLevel: LOG_FATAL };

/**
 * Opens a session of the WebAssembly build on the CPU.
 *
 * @throws Status where the model is refused, `RuntimeUnavailableError` where the build does not start.
 */
export async function openWasm(options: OrtLoadOptions): Promise<OrtSession> {
  const ort = await import("onnxruntime-web");
  const [binary, module] = RUNTIME_FILES.wasm;
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = options.intraOpThreads || Math.min(DEFAULT_THREADS, navigator.hardwareConcurrency);
  ort.env.wasm.wasmBinary = await readWasm("wasm", binary);
  // with threads the module is loaded from its own file, which each of them runs
  ort.env.wasm.wasmPaths = { mjs: webAsset(module).href };
  const { bytes, sessionOptions } = await readModel(options);
  try {
    const session = await ort.InferenceSession.create(bytes, { ...sessionOptions, executionProviders: ["wasm"] });
    return new WasmSession(session, options);
  } catch (thrown) {
    if (!isOrtError(thrown) && !/^Can't create a session/.test(String((thrown as Error)?.message))) {
      throw new RuntimeUnavailableError("wasm", thrown);
    }
    throw loadError(thrown, options.modelName, options.modelPath);
  }
}

/** True for a failure that ONNX Runtime itself reported; what else is thrown comes from starting it. */
export function isOrtError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.includes("ERROR_CODE: ");
}

class WasmSession implements OrtSession {
  readonly device = "";
  readonly placement = "";
  readonly #tensors: WebTensors;
  readonly #model: string;

  constructor(private readonly session: InferenceSession, options: OrtLoadOptions) {
    this.#model = options.modelName;
    this.#tensors = new WebTensors(options);
  }

  async run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    const feeds = this.#tensors.feeds(inputs);
    let results: InferenceSession.ReturnType;
    try {
      results = await this.session.run(feeds, outputs, RUN_OPTIONS);
    } catch (thrown) {
      throw runError(thrown, this.#model);
    }
    return outputs.map((name) => this.#tensors.output(name, results[name] as unknown as Fetched));
  }

  release(): Promise<void> {
    return this.session.release();
  }
}
