/** A repository in memory for tests of the edges: its models answer at once, in the calling turn. */
import { create } from "@bufbuild/protobuf";
import type { LoadedModel } from "../../backends/backend.ts";
import { configTypeOf, type DataType } from "../../core/data_type.ts";
import { noAvailableVersion, unknownModel, unknownVersion, versionNotReady } from "../../core/errors/request.ts";
import type { InferenceRequest, InferenceResponse, ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { alignedBytes, elementCount, type Tensor } from "../../core/tensor.ts";
import type { IndexEntry, Model, Repository, TensorMetadata } from "../../model_repository/model.ts";
import { RequestNormalizer } from "../../model_repository/normalize.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";

/** A tensor of a fake model's configuration; `dims` without the batch dimension. */
export interface FakeTensor {
  readonly name: string;
  readonly datatype: DataType;
  readonly dims: readonly number[];
  readonly labels?: readonly string[];
}

/** What a fake model is. */
export interface FakeModelOptions {
  readonly name: string;
  readonly version?: number;
  readonly maxBatchSize?: number;
  readonly inputs: readonly FakeTensor[];
  readonly outputs: readonly FakeTensor[];
  readonly decoupled?: boolean;
  /** Answers a normalised request; whatever it throws becomes the request's error. */
  readonly run: (request: InferenceRequest, sink: ResponseSink, model: Model) => void | Promise<void>;
}

/** A READY model whose `run` is called at once. */
export class FakeModel implements Model {
  readonly name: string;
  readonly version: number;
  readonly config: ModelConfig;
  readonly decoupled: boolean;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly statistics: ModelStatistics = new ModelStatistics();
  readonly loaded: LoadedModel = { instances: [], device: "CPU (fake)", note: "", unload: () => Promise.resolve() };
  readonly scheduler: Scheduler = { enqueue() {}, inFlight: 0, pending: 0, stop() {} };
  /** The requests that came, normalised. */
  readonly received: InferenceRequest[] = [];
  readonly #normalizer: RequestNormalizer;

  constructor(private readonly options: FakeModelOptions) {
    const { name, version = 1, maxBatchSize = 0, inputs, outputs, decoupled = false } = options;
    this.name = name;
    this.version = version;
    this.decoupled = decoupled;
    const field = ({ name, datatype, dims }: FakeTensor) => ({
      name,
      dataType: configTypeOf(datatype),
      dims: dims.map(BigInt),
    });
    this.config = create(ModelConfigSchema, {
      name,
      backend: "fake",
      maxBatchSize,
      input: inputs.map(field),
      output: outputs.map(field),
      ...(decoupled ? { modelTransactionPolicy: { decoupled } } : {}),
    });
    const metadata = ({ name, datatype, dims }: FakeTensor) => ({
      name,
      datatype,
      shape: maxBatchSize > 0 ? [-1, ...dims] : dims,
    });
    this.inputs = inputs.map(metadata);
    this.outputs = outputs.map(metadata);
    this.#normalizer = new RequestNormalizer(this.config);
  }

  labels(output: string): readonly string[] {
    return this.options.outputs.find(({ name }) => name === output)?.labels ?? [];
  }

  infer(request: InferenceRequest, sink: ResponseSink): void {
    this.#normalizer.normalize(request);
    this.received.push(request);
    try {
      const running = this.options.run(request, sink, this);
      running?.catch((error) => sink.finish(Status.from(error)));
    } catch (error) {
      sink.finish(Status.from(error));
    }
  }
}

/** The response of `model` to `request`, restricted to the outputs that were asked for. */
export function responseOf(model: Model, request: InferenceRequest, outputs: readonly Tensor[]): InferenceResponse {
  const { outputs: wanted } = request;
  return {
    modelName: model.name,
    modelVersion: String(model.version),
    id: request.id,
    outputs: wanted.length === 0 ? outputs : outputs.filter(({ name }) => wanted.includes(name)),
  };
}

/** One input of free length, copied to OUTPUT0. */
export function identityModel(name: string, datatype: DataType, options: Partial<FakeModelOptions> = {}): FakeModel {
  return new FakeModel({
    name,
    inputs: [{ name: "INPUT0", datatype, dims: [-1] }],
    outputs: [{ name: "OUTPUT0", datatype, dims: [-1] }],
    run(request, sink, model) {
      const outputs = request.inputs.map((input, i) => ({ ...input, name: `OUTPUT${i}` }));
      sink.respond(responseOf(model, request, outputs));
      sink.finish();
    },
    ...options,
  });
}

/** Triton's `simple`: OUTPUT0 is the sum and OUTPUT1 the difference of two INT32[16], in batches of up to 8. */
export function simpleModel(options: Partial<FakeModelOptions> = {}): FakeModel {
  const tensor = (name: string): FakeTensor => ({ name, datatype: "INT32", dims: [16] });
  return new FakeModel({
    name: "simple",
    maxBatchSize: 8,
    inputs: [tensor("INPUT0"), tensor("INPUT1")],
    outputs: [tensor("OUTPUT0"), tensor("OUTPUT1")],
    run(request, sink, model) {
      const [a, b] = ["INPUT0", "INPUT1"].map((name) => {
        const { data, shape } = request.inputs.find((input) => input.name === name)!;
        const bytes = alignedBytes(data, 4);
        return new Int32Array(bytes.buffer, bytes.byteOffset, elementCount(shape));
      });
      const output = (name: string, values: Int32Array): Tensor => ({
        name,
        datatype: "INT32",
        shape: request.inputs[0].shape,
        data: new Uint8Array(values.buffer),
      });
      const sum = output("OUTPUT0", a.map((value, i) => value + b[i]));
      const difference = output("OUTPUT1", a.map((value, i) => value - b[i]));
      sink.respond(responseOf(model, request, [sum, difference]));
      sink.finish();
    },
    ...options,
  });
}

/** A repository of READY models, and of index entries that are not. */
export class FakeRepository implements Repository {
  constructor(readonly models: readonly Model[], readonly others: readonly IndexEntry[] = []) {}

  find(name: string, version: string): Model {
    const ready = this.readyVersions(name);
    const known = this.index().filter((entry) => entry.name === name);
    if (known.length === 0) throw unknownModel(name);
    if (version === "") {
      if (ready.length === 0) throw noAvailableVersion(name);
      return ready[ready.length - 1];
    }
    const found = ready.find((model) => model.version === Number(version));
    if (found) return found;
    if (known.some((entry) => entry.version === Number(version))) throw versionNotReady(name, version);
    throw unknownVersion(name, version);
  }

  readyVersions(name: string): readonly Model[] {
    return this.models.filter((model) => model.name === name).sort((a, b) => a.version - b.version);
  }

  readyModels(): readonly Model[] {
    return this.models;
  }

  index(): readonly IndexEntry[] {
    const ready = this.models.map(({ name, version, loaded }): IndexEntry => ({
      name,
      version,
      state: "READY",
      device: loaded.device,
    }));
    return [...ready, ...this.others];
  }

  allReady(): boolean {
    return this.others.length === 0;
  }
}
