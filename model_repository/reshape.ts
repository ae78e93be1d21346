import { DATA_TYPES } from "../core/data_type.ts";
import type { InferenceResponse, ResponseSink } from "../core/inference.ts";
import { reshaped } from "../core/reshaped.ts";
import { refuse } from "../core/responses.ts";
import type { Status } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

interface OutputReshape {
  /** What the backend produces. */
  readonly from: readonly number[];
  /** What the client sees. */
  readonly to: readonly number[];
}

/** Gives the outputs of a model with `reshape` the shapes that its configuration promises to clients. */
export class OutputReshaper {
  readonly #offset: number;
  readonly #reshapes: ReadonlyMap<string, OutputReshape>;

  private constructor(config: ModelConfig) {
    this.#offset = config.maxBatchSize > 0 ? 1 : 0;
    this.#reshapes = new Map(
      config.output.filter((output) => output.reshape && DATA_TYPES[output.dataType]).map((output) => [
        output.name,
        { from: output.reshape!.shape.map(Number), to: output.dims.map(Number) },
      ]),
    );
  }

  /** Undefined for a model that reshapes no output. */
  static of(config: ModelConfig): OutputReshaper | undefined {
    return config.output.some((output) => output.reshape) ? new OutputReshaper(config) : undefined;
  }

  /** A sink that reshapes what it passes on to `sink`. */
  wrap(sink: ResponseSink): ResponseSink {
    return {
      respond: (response: InferenceResponse) =>
        sink.respond({ ...response, outputs: response.outputs.map((output) => this.#reshape(output)) }),
      finish: (error?: Status) => sink.finish(error),
      refuse: (error: Status) => refuse(sink, error),
      backpressure: () => sink.backpressure?.(),
    };
  }

  #reshape(output: Tensor): Tensor {
    const reshape = this.#reshapes.get(output.name);
    // An output of another rank than configured is passed on as the backend made it.
    if (!reshape || output.shape.length !== reshape.from.length + this.#offset) return output;
    return { ...output, shape: reshaped(output.shape, reshape.from, reshape.to, this.#offset) };
  }
}
