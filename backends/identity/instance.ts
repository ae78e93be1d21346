import type { Clock } from "../../core/clock.ts";
import { requestCancelled } from "../../core/errors/request.ts";
import type { InferenceRequest, InferenceResponse, ParameterValue } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { ModelInstanceGroup } from "../../proto/gen/model_config_pb.ts";
import type { Execution, ExecutionTiming, ModelInstance, ModelSource } from "../backend.ts";
import { whenAllAborted } from "../abort.ts";
import type { IdentitySettings } from "./settings.ts";

/** What Triton's identity backend sends with every response, to demonstrate response parameters. */
const PARAMETERS: ReadonlyMap<string, ParameterValue> = new Map<string, ParameterValue>([
  ["param0", "an example string parameter"],
  ["param1", 42],
  ["param2", false],
  ["param3", 123.123],
]);

/** One instance of an identity model. It runs in the main thread: there is nothing to compute, only time to pass. */
export class IdentityInstance implements ModelInstance {
  readonly name: string;
  readonly group: string;
  readonly passive: boolean;
  readonly capacity = 1;
  readonly available = true;
  onAvailable: () => void = () => {};
  /** Input bytes executed so far. */
  byteCount = 0;

  readonly #modelName: string;
  readonly #modelVersion: string;
  /** By input name, the output that repeats it. */
  readonly #outputOf: ReadonlyMap<string, string>;
  readonly #delayMs: number;

  /** @param index in the group. @param ordinal among all instances of the model. */
  constructor(
    source: ModelSource,
    settings: IdentitySettings,
    group: ModelInstanceGroup,
    index: number,
    ordinal: number,
    private readonly clock: Clock,
  ) {
    this.name = `${group.name}_${index}`;
    this.group = group.name;
    this.passive = group.passive;
    this.#modelName = source.name;
    this.#modelVersion = String(source.version);
    const { input, output } = source.config;
    const pairs = Math.min(input.length, output.length);
    this.#outputOf = new Map(input.slice(0, pairs).map(({ name }, i) => [name, output[i].name]));
    this.#delayMs = settings.executeDelayMs * Math.max(1, settings.delayMultiplier * ordinal);
  }

  execute(execution: Execution): void {
    if (this.#delayMs === 0) {
      this.#complete(execution, 0);
      return;
    }
    const started = this.clock.now();
    let over = false;
    const complete = () => {
      if (over) return;
      over = true;
      cancelTimer();
      unwatch();
      this.#complete(execution, this.clock.now() - started);
    };
    const cancelTimer = this.clock.after(this.#delayMs, complete);
    let unwatch = () => {};
    unwatch = whenAllAborted(execution.requests, complete);
  }

  #complete(execution: Execution, inferMs: number): void {
    const { requests } = execution;
    for (let i = 0; i < requests.length; i++) {
      if (requests[i].signal?.aborted) execution.fail(i, requestCancelled());
      else execution.respond(i, this.#respond(requests[i]));
    }
    const timing: ExecutionTiming = { inputMs: 0, inferMs, outputMs: 0 };
    execution.finish(timing);
  }

  #respond(request: InferenceRequest): InferenceResponse {
    const wanted = request.outputs;
    const outputs: Tensor[] = [];
    for (const { name, datatype, shape, data } of request.inputs) {
      this.byteCount += data.byteLength;
      const output = this.#outputOf.get(name);
      if (output === undefined || wanted.length > 0 && !wanted.includes(output)) continue;
      outputs.push({ name: output, datatype, shape, data });
    }
    return {
      modelName: this.#modelName,
      modelVersion: this.#modelVersion,
      id: request.id,
      parameters: PARAMETERS,
      outputs,
    };
  }
}
