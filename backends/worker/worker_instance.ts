import type { InferenceRequest } from "../../core/inference.ts";
import type { DataType } from "../../core/data_type.ts";
import { workerCrashed, workerGivenUp, workerGone, workerHung, workerStartFailed } from "../../core/errors/backend.ts";
import { freeMemory, largeBuffers } from "../../core/memory.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import type { Execution, ExecutionTiming, ModelInstance } from "../backend.ts";
import { type BatchInput, gatherInputs, splitOutputs, wantedOutputs } from "../batch.ts";
import type { BatchPlan } from "../batch_io.ts";
import { Channel } from "./channel.ts";
import type { FromWorker } from "./messages.ts";
import { Survivors } from "./survivors.ts";
import type { WorkerModelInfo, WorkerTensor } from "./protocol.ts";

/** A tensor's name and type, in the order of the model's configuration or graph. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: DataType;
}

/** What a worker instance is made from. */
export interface WorkerInstanceOptions<Options> {
  readonly name: string;
  readonly group: string;
  readonly passive?: boolean;
  readonly modelName: string;
  readonly modelVersion: string;
  /** The worker's entry module, which calls `serve`. */
  readonly module: URL | string;
  /** Plain data for {@link WorkerModel.load}. */
  readonly options: Options;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly plan?: BatchPlan;
  /** The worker may block its thread between executions (native and wasm); a WebGPU worker needs its event loop. */
  readonly blocking: boolean;
  /** Seconds after which an execution counts as hung. Default 300. */
  readonly executionTimeoutSecs?: number;
  /** Shared by the instances of a model version, so that none takes requests that another could still run. */
  readonly survivors?: Survivors;
  readonly onLog?: (severity: "info" | "warning", text: string) => void;
  readonly clock?: Clock;
}

/** A model that did not load in its worker; `kind` is the class name of the error that the model threw there. */
export class WorkerLoadError extends Error {
  override readonly name = "WorkerLoadError";
  constructor(readonly kind: string, readonly status: Status) {
    super(status.message);
  }
}

/** Executions shorter than this are handed over before the worker is free, to hide the way there and back. */
const PREFETCH_BELOW_MS = 1;
const PREFETCH_DEPTH = 4;
const WATCH_INTERVAL_MS = 1000;
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 30_000;
/** Restarts after hangs: a native call cannot be ended from outside, so each leaves a thread and its memory behind. */
const MOST_HANG_RESTARTS = 3;

/**
 * A model instance in a worker of its own. When the worker crashes or hangs, what it had in flight fails with
 * UNAVAILABLE and a new worker is started, with growing pauses while it keeps failing. One that hangs again and again is
 * given up: it refuses what no other instance can take.
 */
export class WorkerInstance<Options = unknown> implements ModelInstance {
  readonly name: string;
  readonly group: string;
  readonly passive: boolean;
  onAvailable: () => void = () => {};
  /** What the worker said of the model it loaded. */
  info!: WorkerModelInfo;
  /** Times the worker was restarted. */
  restarts = 0;

  readonly #clock: Clock;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  #worker: Worker | undefined;
  #channel: Channel | undefined;
  #stopped = false;
  #hangs = 0;
  /** Why it never runs again. */
  #givenUp: Status | undefined;
  readonly #survivors: Survivors;
  #backoffMs = FIRST_BACKOFF_MS;
  #cancelRestart: () => void = () => {};
  #cancelWatch: () => void = () => {};
  /** Moving average of the execution time, for {@link capacity}. */
  #averageMs = PREFETCH_BELOW_MS;

  private constructor(private readonly options: WorkerInstanceOptions<Options>) {
    this.name = options.name;
    this.group = options.group;
    this.passive = options.passive ?? false;
    this.#clock = options.clock ?? systemClock;
    this.#survivors = options.survivors ?? new Survivors();
    this.#inputs = options.inputs.map(({ name }) => name);
    this.#outputs = options.outputs.map(({ name }) => name);
  }

  /**
   * Starts the worker and loads the model in it.
   *
   * @throws WorkerLoadError with the model's reason.
   */
  static async start<Options>(options: WorkerInstanceOptions<Options>): Promise<WorkerInstance<Options>> {
    const instance = new WorkerInstance(options);
    await instance.#spawn();
    instance.#survivors.add(instance);
    return instance;
  }

  get gone(): boolean {
    return this.#givenUp !== undefined;
  }

  get available(): boolean {
    return this.#channel !== undefined || this.#givenUp !== undefined && !this.#survivors.any;
  }

  get capacity(): number {
    return this.#averageMs < PREFETCH_BELOW_MS ? PREFETCH_DEPTH : 1;
  }

  execute(execution: Execution): void {
    const { requests } = execution;
    const channel = this.#channel;
    if (!channel) {
      const error = this.#givenUp ?? workerGone(this.name, this.options.modelName, "it is being restarted");
      // later, since the end of one execution begins the next, and a queue may be long
      queueMicrotask(() => execution.finish(NO_TIME, error));
      return;
    }
    try {
      channel.submit(
        gatherInputs(requests, this.options.plan),
        wantedOutputs(requests, this.#outputs),
        (outputs, timing, error) => {
          if (error) execution.finish(timing, error);
          else this.#deliver(execution, requests, outputs, timing);
        },
        execution.sequences,
        requests.length === 1 ? requests[0].memory : undefined,
      );
      freeInputs(requests);
    } catch (thrown) {
      execution.finish(NO_TIME, Status.from(thrown));
    }
  }

  /** Runs the model outside any scheduler: for checks at load. @throws Status */
  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    return new Promise((resolve, reject) => {
      if (!this.#channel) return reject(workerGone(this.name, this.options.modelName, "it is not running"));
      const gathered: BatchInput[] = inputs.map(({ name, datatype, shape, data }) => {
        return { name, datatype, shape, pieces: [data], byteLength: data.byteLength };
      });
      this.#channel.submit(gathered, outputs, (tensors, _timing, error) => error ? reject(error) : resolve(tensors));
    });
  }

  /** Releases the model, then ends the worker; at once if it does not answer in time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#survivors.remove(this);
    this.#cancelRestart();
    this.#cancelWatch();
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = this.#clock.after(10_000, resolve);
      channel.release(resolve);
      await promise;
      cancel();
      channel.fail(workerGone(this.name, this.options.modelName, "it was unloaded"));
    }
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** Ends the worker as a crash would: what is in flight fails with UNAVAILABLE, and a new worker is started. */
  kill(reason: string): void {
    this.#crashed(workerCrashed(this.name, this.options.modelName, reason));
  }

  #deliver(
    execution: Execution,
    requests: readonly InferenceRequest[],
    outputs: readonly Tensor[],
    timing: ExecutionTiming,
  ): void {
    this.#averageMs += 0.1 * (timing.inferMs - this.#averageMs);
    try {
      const { modelName, modelVersion, plan } = this.options;
      const responses = splitOutputs(requests, outputs, modelName, modelVersion, plan);
      if (responses.length === 1) responses[0] = { ...responses[0], memory: largeBuffers(outputs) };
      for (let i = 0; i < responses.length; i++) execution.respond(i, responses[i]);
      execution.finish(timing);
    } catch (thrown) {
      execution.finish(timing, Status.from(thrown));
    }
  }

  async #spawn(): Promise<void> {
    const { options } = this;
    const worker = new Worker(options.module, { type: "module", name: `${options.modelName} ${options.name}` });
    this.#worker = worker;
    const channel = new Channel(
      (message, transfer) => worker.postMessage(message, transfer),
      this.#inputs,
      this.#outputs,
    );
    const loaded = Promise.withResolvers<WorkerModelInfo>();
    let ready = false;
    worker.onerror = (event) => {
      event.preventDefault();
      const reason = event.message || "unknown error";
      if (ready && this.#worker === worker) this.#crashed(workerCrashed(this.name, options.modelName, reason));
      else loaded.reject(new WorkerLoadError("Error", workerStartFailed(this.name, options.modelName, reason)));
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "outputs") channel.received(data);
      else if (data.kind === "ready") loaded.resolve(data.info);
      else if (data.kind === "log") options.onLog?.(data.severity, data.text);
      else loaded.reject(new WorkerLoadError(data.name, new Status(data.code, data.text)));
    };
    worker.postMessage({
      kind: "start",
      ring: channel.ring.buffer,
      options: options.options,
      inputs: this.#inputs,
      outputs: this.#outputs,
      blocking: options.blocking,
    });
    try {
      this.info = await loaded.promise;
    } catch (error) {
      worker.terminate();
      throw error;
    }
    ready = true;
    if (this.#stopped) return worker.terminate();
    this.#channel = channel;
    this.#watch();
  }

  /** Looks, once a second, whether the oldest execution has run too long. */
  #watch(): void {
    const limit = this.options.executionTimeoutSecs ?? 300;
    this.#cancelWatch = this.#clock.after(WATCH_INTERVAL_MS, () => {
      const oldest = this.#channel?.oldest;
      if (oldest !== undefined && performance.now() - oldest > limit * 1000) {
        this.#hung(limit);
      } else if (!this.#stopped) {
        this.#watch();
      }
    });
  }

  #hung(limit: number): void {
    const { modelName } = this.options;
    if (++this.#hangs > MOST_HANG_RESTARTS) this.#givenUp = workerGivenUp(this.name, modelName, this.#hangs, limit);
    this.#crashed(this.#givenUp ?? workerHung(this.name, modelName, limit));
  }

  #crashed(error: Status): void {
    const channel = this.#channel;
    if (!channel || this.#stopped) return;
    this.#cancelWatch();
    this.#channel = undefined;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.options.onLog?.("warning", error.message);
    if (!this.#givenUp) this.#scheduleRestart();
    channel.fail(error);
    if (this.#givenUp) this.#survivors.giveUp(this, this.#givenUp);
  }

  #scheduleRestart(): void {
    const pause = this.#backoffMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, LAST_BACKOFF_MS);
    this.#cancelRestart = this.#clock.after(pause, () => {
      this.restarts++;
      this.#spawn().then(() => {
        if (this.#stopped) return;
        this.options.onLog?.("info", `instance '${this.name}' of model '${this.options.modelName}' runs again`);
        // a worker that stays up for a minute has earned a quick restart again
        this.#cancelRestart = this.#clock.after(60_000, () => this.#backoffMs = FIRST_BACKOFF_MS);
        this.onAvailable();
      }, (error) => {
        this.options.onLog?.("warning", `instance '${this.name}' did not restart: ${error.message}`);
        if (!this.#stopped) this.#scheduleRestart();
      });
    });
  }
}

/** The worker has the inputs: memory that was the requests' alone is of no use to anybody now. */
function freeInputs(requests: readonly InferenceRequest[]): void {
  for (const { memory } of requests) if (memory) freeMemory([memory]);
}

const NO_TIME: ExecutionTiming = { inputMs: 0, inferMs: 0, outputMs: 0 };
