import type { LoadedModel } from "../backends/backend.ts";
import type { DataType } from "../core/data_type.ts";
import type { InferenceRequest, ResponseSink } from "../core/inference.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";

/** A tensor as model metadata shows it: the shape has a leading -1 where the model batches. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: DataType;
  readonly shape: readonly number[];
}

/** The states of a version, as the repository index names them. */
export type VersionState = "UNKNOWN" | "LOADING" | "READY" | "UNLOADING" | "UNAVAILABLE";

/** One READY version: what the edges hold while they serve a request of it. */
export interface Model {
  readonly name: string;
  readonly version: number;
  /** The completed configuration. */
  readonly config: ModelConfig;
  readonly decoupled: boolean;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly statistics: ModelStatistics;
  readonly loaded: LoadedModel;
  readonly scheduler: Scheduler;
  /** Labels of an output's classes, from its `label_filename`; empty without one. */
  labels(output: string): readonly string[];
  /**
   * Checks the request against the configuration and hands it to the scheduler. A request that does not fit throws;
   * afterwards everything, errors included, goes to `sink`.
   *
   * @throws Status INVALID_ARGUMENT in the order and with the texts of the contract.
   */
  infer(request: InferenceRequest, sink: ResponseSink): void;
}

/** One entry of the repository index; `version` is missing for a model of which nothing was ever loaded. */
export interface IndexEntry {
  readonly name: string;
  readonly version?: number;
  readonly state?: VersionState;
  readonly reason?: string;
  /**
   * Nothing is known of its versions, since its configuration could not be read or, for an ensemble, its models do not let
   * it serve; {@link reason} says why.
   */
  readonly unread?: boolean;
  /** Where it runs, for people; "" while not READY. */
  readonly device?: string;
  /** Why it runs there, where that is not what was asked for. */
  readonly note?: string;
}

/** What the edges ask of the repository. */
export interface Repository {
  /**
   * The READY version that a request names.
   *
   * @param version "" for the one that the policy prefers (the highest READY).
   * @throws Status NOT_FOUND or UNAVAILABLE as the contract's table of situations says; INVALID_ARGUMENT for a version
   *   that is no number.
   */
  find(name: string, version: string): Model;
  /** READY versions of a model, ascending; empty if there is none. */
  readyVersions(name: string): readonly Model[];
  /** Every READY version of every model, by name, then version. */
  readyModels(): readonly Model[];
  /** Every model and version known, by name, then version. */
  index(): readonly IndexEntry[];
  /** True when every version of every known model is READY or was unloaded on purpose. */
  allReady(): boolean;
}
