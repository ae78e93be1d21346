import type { InferenceSession } from "onnxruntime-web";
import { deviceFailed } from "../../../core/errors/onnxruntime_execution.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";
import { RUNTIME_FILES } from "./assets.ts";
import {
  clean,
  KernelsMissingError,
  loadError,
  missingOperator,
  readFailure,
  runError,
  RuntimeUnavailableError,
} from "./failures.ts";
import { installMapShim, removeMapShim, selfTest } from "./map_shim.ts";
import { describePlacement, readPlacement } from "./node_placement.ts";
import type { OrtLoadOptions } from "./options.ts";
import type { OrtSession } from "./session.ts";
import { LOG_FATAL } from "./session_options.ts";
import type { Fetched } from "./tensors.ts";
import { isOrtError } from "./wasm.ts";
import { readModel, readWasm, WebTensors } from "./web_session.ts";

const LOG_VERBOSE = 0;
/** A line of ONNX Runtime's log, or the end of a colour that it leaves on a line of its own. */
// deno-lint-ignore no-control-regex
const LOG_LINE = /\[[VIWEF]:onnxruntime:|^\x1b\[m$/;
export const RUN_OPTIONS: InferenceSession.RunOptions = { logSeverityLevel: LOG_FATAL };

/** Everything that WebGPU reports beside the call that caused it. */
export const ERROR_SCOPES: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/**
 * Opens a session on the GPU. One per worker: ONNX Runtime gives its memory back only with the thread.
 *
 * @throws Status where the model is refused, {@link KernelsMissingError} where the CPU has to run it,
 * {@link RuntimeUnavailableError} where there is no GPU or the build does not start.
 */
export async function openWebGpu(options: OrtLoadOptions): Promise<OrtSession> {
  const { log, ort } = await startWebGpu();
  const { bytes, sessionOptions } = await readModel(options);
  const fast = installMapShim();
  let session: InferenceSession;
  try {
    log.lines = [];
    // Outputs are read back by ONNX Runtime itself. Kept on the GPU (`preferredOutputLocation`) they would be bound, and
    // after one failed run of a session with bindings every later one fails with it.
    session = await ort.InferenceSession.create(bytes, {
      ...sessionOptions,
      logSeverityLevel: LOG_VERBOSE,
      executionProviders: [{ name: "webgpu", ...options.webgpu }],
    });
  } catch (thrown) {
    throw creationError(thrown, options);
  }
  const placement = readPlacement(log.lines);
  log.lines = undefined;
  if (placement.gpu === 0 && placement.cpu > 0) {
    await session.release();
    throw new KernelsMissingError(placement.cpuOperators.length > 0 ? placement.cpuOperators : ["all operators"]);
  }
  const device = await ort.env.webgpu.device as unknown as GPUDevice;
  if (fast && !await selfTest(device)) removeMapShim();
  return new WebGpuSession(session, device, describePlacement(placement), options);
}

/** Starts the build in this thread. */
export async function startWebGpu(): Promise<{ log: LogSink; ort: typeof import("onnxruntime-web/jspi") }> {
  const { log, ort } = await importWebGpu();
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1; // this build starts no threads in Deno
  ort.env.wasm.wasmBinary = await readWasm("webgpu", RUNTIME_FILES.webgpu[0]);
  return { log, ort };
}

/** Where ONNX Runtime's log goes: collected while `lines` is an array, dropped otherwise. */
export interface LogSink {
  lines: string[] | undefined;
}

/**
 * Imports the build with the surroundings that it needs in a Deno worker.
 */
async function importWebGpu(): Promise<{ log: LogSink; ort: typeof import("onnxruntime-web/jspi") }> {
  // read as a base address, and Deno's has none that a URL can be made from; the global has a getter only
  Object.defineProperty(globalThis, "location", { value: undefined, configurable: true, writable: true });
  const { Worker } = globalThis;
  // the build binds the console when it starts, and prints all levels as errors
  const { error } = console;
  const log: LogSink = { lines: undefined };
  const ort = await import("onnxruntime-web/jspi");
  globalThis.Worker = Worker; // ONNX Runtime puts its own there
  console.error = (...parts: unknown[]) => {
    const line = parts.join(" ");
    if (LOG_LINE.test(line)) log.lines?.push(line);
    else error(...parts);
  };
  return { log, ort };
}

export function creationError(thrown: unknown, options: OrtLoadOptions): Error {
  if (!isOrtError(thrown)) {
    return new RuntimeUnavailableError("webgpu", thrown);
  }
  const operator = missingOperator(readFailure(thrown).text);
  if (operator) return new KernelsMissingError([operator]);
  return loadError(thrown, options.modelName, options.modelPath);
}

/** Ends the worker, which is started anew, when the GPU is gone: nothing works from then on. */
export function endWithDevice(device: GPUDevice): void {
  device.lost.then(({ reason, message }) => {
    if (reason === "destroyed") return;
    setTimeout(() => {
      throw new Error(`GPU device lost: ${message}`);
    });
  });
}

class WebGpuSession implements OrtSession {
  readonly device: string;
  readonly #tensors: WebTensors;
  readonly #model: string;
  /** The tail of the calls: two at a time on one session lock the thread up for good. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: InferenceSession,
    private readonly gpu: GPUDevice,
    readonly placement: string,
    options: OrtLoadOptions,
  ) {
    this.#model = options.modelName;
    this.#tensors = new WebTensors(options);
    const { description, vendor } = gpu.adapterInfo;
    this.device = description || vendor || "GPU";
    endWithDevice(gpu);
  }

  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    return this.#exclusive(() => this.#run(inputs, outputs));
  }

  release(): Promise<void> {
    return this.#exclusive(() => this.session.release());
  }

  async #run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> {
    const feeds = this.#tensors.feeds(inputs);
    for (const filter of ERROR_SCOPES) this.gpu.pushErrorScope(filter);
    let results: InferenceSession.ReturnType | undefined;
    let failure: unknown;
    try {
      results = await this.session.run(feeds, outputs, RUN_OPTIONS);
    } catch (thrown) {
      failure = thrown;
    }
    const errors = await Promise.all(ERROR_SCOPES.map(() => this.gpu.popErrorScope()));
    // a run goes on after such an error, with outputs that nobody wrote
    const error = errors.find((error) => error !== null);
    if (error) throw deviceFailed(this.#model, this.device, clean(error.message));
    if (!results) throw runError(failure, this.#model);
    const fetched = results;
    return outputs.map((name) => this.#tensors.output(name, fetched[name] as unknown as Fetched));
  }

  #exclusive<Result>(call: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => {});
    return result;
  }
}
