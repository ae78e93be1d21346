import type { InferenceRequest, InferenceResponse } from "../core/inference.ts";
import type { Status } from "../core/status.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

/** Where one version of a model is, and what is to be loaded. */
export interface ModelSource {
  readonly name: string;
  readonly version: number;
  /** `<repository>/<model>`, absolute. */
  readonly directory: string;
  /** `<repository>/<model>/<version>`, absolute. */
  readonly versionDirectory: string;
  readonly config: ModelConfig;
}

/** `--backend-config=<backend>,<key>=<value>` of one backend, global settings merged in; the last value wins. */
export type BackendSettings = ReadonlyMap<string, string>;

/** What a backend may use of the server around it. */
export interface BackendContext {
  readonly settings: BackendSettings;
  /** Log lines about this model; `warning` is for what the user should act on. */
  info(message: string): void;
  warning(message: string): void;
}

/**
 * One way to run models: a folder below `backends/`, known to the server by one line in `backends/registry.ts`.
 */
export interface Backend {
  readonly name: string;
  /**
   * Checks its settings when the server starts, before any model is loaded; what has no effect goes to `warning`.
   *
   * @throws Status INVALID_ARGUMENT naming the setting, its value and what was expected.
   */
  checkSettings?(settings: BackendSettings, warning: (message: string) => void): void;
  /**
   * Completes a configuration from the model's files: inputs, outputs, `max_batch_size`, `dynamic_batching` that the
   * config leaves out. Changes `source.config` in place. Called once per model, with its first version to be loaded.
   *
   * @throws Status INVALID_ARGUMENT or INTERNAL with the reason.
   */
  complete?(source: ModelSource, context: BackendContext): Promise<void>;
  /**
   * Loads one version: checks the config against the model's files, and starts every instance of every group. The
   * instance groups have been normalised before: each has a name, a kind that is not AUTO where the backend has no say,
   * and a count of at least 1.
   *
   * @throws Status with the reason; nothing stays behind then.
   */
  load(source: ModelSource, context: BackendContext): Promise<LoadedModel>;
}

/** A number that a backend counts for itself, and that the metrics show with the labels of the model. */
export interface BackendCounter {
  readonly name: string;
  readonly help: string;
  readonly value: number;
}

/** A loaded version: its instances, ready to execute. */
export interface LoadedModel {
  readonly instances: readonly ModelInstance[];
  /** Where it runs, for people: `GPU (NVIDIA H100)`, `CPU (native, 2 × 1 thread)`. */
  readonly device: string;
  /** What is to be known of where it runs: `moved to the CPU: …`, which operators are not on the GPU. Often empty. */
  readonly note: string;
  /** True where it does not run where it was asked to; the log warns with {@link note} then. */
  readonly moved?: boolean;
  /**
   * Resolves, with the reason, when no instance that takes requests runs or will run again; what comes is refused then.
   * Never otherwise, and left out where that cannot happen.
   */
  readonly lost?: Promise<Status>;
  /**
   * Refuses what this model cannot be given, although it fits the configuration. Called for each request by itself, before
   * it shares a batch with others, which would fail with it. Left out where there is nothing to refuse.
   *
   * @throws Status INVALID_ARGUMENT
   */
  readonly check?: (request: InferenceRequest) => void;
  /** What it has counted so far. */
  readonly counters?: readonly BackendCounter[];
  /** Stops the instances and gives everything back. No execution is in flight then. */
  unload(): Promise<void>;
}

/** What executes: one worker, one session. */
export interface ModelInstance {
  /** `<group>_<index>`. */
  readonly name: string;
  /** The instance group it belongs to. */
  readonly group: string;
  /** Takes no requests of its own accord (`passive: true`). */
  readonly passive: boolean;
  /** How many executions it may hold at once: 1, or 2 where the next is handed over while one runs. */
  readonly capacity: number;
  /** False while its worker restarts. */
  readonly available: boolean;
  /** It never runs again, and refuses what it is given all the same. Left out where that cannot happen. */
  readonly gone?: boolean;
  /** Called when {@link available} becomes true again. */
  onAvailable: () => void;
  /** Runs the requests of `execution` as one batch and reports to it; never throws. */
  execute(execution: Execution): void;
}

/** Milliseconds that an execution spent in its three phases, measured where it ran. */
export interface ExecutionTiming {
  readonly inputMs: number;
  readonly inferMs: number;
  readonly outputMs: number;
}

/** Where the implicit state of a row of an execution is kept. */
export interface SequenceRow {
  /** The place in its instance that the row's sequence holds while it lasts. */
  readonly slot: number;
  /** The sequence begins: what the slot held before is forgotten. */
  readonly start: boolean;
  /** It ends: nothing need be kept. */
  readonly end: boolean;
}

/** One execution, as a scheduler forms it and an instance fills it. */
export interface Execution {
  readonly requests: readonly InferenceRequest[];
  /** For models with implicit states, the row of each request; undefined for one that stands for an empty row. */
  readonly sequences?: readonly (SequenceRow | undefined)[];
  /** A response to request `index`: exactly one, or any number from a decoupled model. */
  respond(index: number, response: InferenceResponse): void;
  /** `ResponseSink.backpressure` of request `index`, for models that make any number of responses. */
  backpressure?(index: number): Promise<void> | undefined;
  /** Request `index` alone failed; the others of the batch go on. */
  fail(index: number, error: Status): void;
  /** Request `index` is to be executed once more before it is over, as a model with `iterative_sequence` may ask. */
  reschedule?(index: number): void;
  /** The execution is over: every request has its responses, or `error` fails all that have not finished. */
  finish(timing: ExecutionTiming, error?: Status): void;
}
