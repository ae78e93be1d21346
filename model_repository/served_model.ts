import type { LoadedModel } from "../backends/backend.ts";
import { DATA_TYPES } from "../core/data_type.ts";
import { versionNotReady } from "../core/errors/request.ts";
import type { InferenceRequest, ResponseSink } from "../core/inference.ts";
import type { ModelStatistics } from "../observability/statistics.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";
import type { StepModel } from "../scheduler/ensemble/step_model.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { Model, TensorMetadata } from "./model.ts";
import { RequestNormalizer } from "./normalize.ts";
import { OutputReshaper } from "./reshape.ts";

const NO_LABELS: readonly string[] = [];

let serials = 0;

/** What a served version is made from. */
export interface ServedModelOptions {
  readonly config: ModelConfig;
  readonly version: number;
  readonly loaded: LoadedModel;
  readonly scheduler: Scheduler;
  readonly statistics: ModelStatistics;
  /** Of its outputs' classes, by output name. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** See {@link ServedModel.epoch}. */
  readonly epoch?: () => string | undefined;
}

/** One loaded version, with everything that a request of it needs. */
export class ServedModel implements Model, StepModel {
  /** Tells this object from all others of the same name and version. */
  readonly serial: number = ++serials;
  readonly name: string;
  readonly version: number;
  readonly config: ModelConfig;
  readonly decoupled: boolean;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly statistics: ModelStatistics;
  readonly loaded: LoadedModel;
  readonly scheduler: Scheduler;
  /**
   * A text that changes when the version, or for an ensemble one of the models that it runs now, is another one: cached
   * responses are good for one epoch. Undefined while a model of the ensemble is missing.
   */
  readonly epoch: () => string | undefined;

  readonly #labels: ReadonlyMap<string, readonly string[]>;
  readonly #normalizer: RequestNormalizer;
  readonly #check: LoadedModel["check"];
  readonly #reshaper: OutputReshaper | undefined;
  #holds = 0;
  #retired = false;
  #successor: ServedModel | undefined;

  constructor(options: ServedModelOptions) {
    const { config } = options;
    this.name = config.name;
    this.version = options.version;
    this.config = config;
    this.decoupled = config.modelTransactionPolicy?.decoupled ?? false;
    this.inputs = config.input.map((input) => metadataOf(input, config));
    this.outputs = config.output.map((output) => metadataOf(output, config));
    this.statistics = options.statistics;
    this.loaded = options.loaded;
    this.scheduler = options.scheduler;
    this.epoch = options.epoch ?? (() => undefined);
    this.#labels = options.labels;
    this.#normalizer = new RequestNormalizer(config);
    this.#check = options.loaded.check;
    this.#reshaper = OutputReshaper.of(config);
  }

  /** Requests taken and not finished, and those of ensembles that may still come here. */
  get inFlight(): number {
    return this.scheduler.inFlight + this.#holds;
  }

  /** Requests of ensembles may still come here. */
  get held(): boolean {
    return this.#holds > 0;
  }

  hold(): void {
    this.#holds++;
  }

  letGo(): void {
    this.#holds--;
  }

  labels(output: string): readonly string[] {
    return this.#labels.get(output) ?? NO_LABELS;
  }

  infer(request: InferenceRequest, sink: ResponseSink): void {
    if (this.#retired) {
      this.#inferRetired(request, sink);
      return;
    }
    this.inferHeld(request, sink);
  }

  inferHeld(request: InferenceRequest, sink: ResponseSink): void {
    this.normalize(request);
    this.scheduler.enqueue(request, this.#reshaper === undefined ? sink : this.#reshaper.wrap(sink));
  }

  /**
   * Checks a request as {@link infer} does, without running it.
   *
   * @throws Status INVALID_ARGUMENT
   */
  normalize(request: InferenceRequest): void {
    this.#normalizer.normalize(request);
    if (this.#check !== undefined) this.#check(request);
  }

  /**
   * Ends this version's service; what runs goes on. Who still holds it, as a request does that was routed before its body
   * had arrived, is passed on to the successor.
   *
   * @param successor what serves the same version from now on, after a reload.
   */
  retire(successor: ServedModel | undefined): void {
    this.#retired = true;
    this.#successor = successor;
  }

  #inferRetired(request: InferenceRequest, sink: ResponseSink): void {
    if (!this.#successor) throw versionNotReady(this.name, this.version);
    this.#successor.infer(request, sink);
  }
}

function metadataOf(
  tensor: { readonly name: string; readonly dataType: number; readonly dims: readonly bigint[] },
  config: ModelConfig,
): TensorMetadata {
  const dims = tensor.dims.map(Number);
  return {
    name: tensor.name,
    datatype: DATA_TYPES[tensor.dataType]!,
    shape: config.maxBatchSize > 0 ? [-1, ...dims] : dims,
  };
}
