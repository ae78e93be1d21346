/** Ensembles and models for the tests beside this file. */
import { ManualClock } from "../../core/clock.ts";
import { InferenceRequest, type InferenceResponse, type ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import type { EnsembleDescription, StepDescription } from "./description.ts";
import { EnsembleScheduler } from "./ensemble_scheduler.ts";
import type { StepModel } from "./step_model.ts";

/** A byte vector. */
export function tensor(name: string, ...values: number[]): Tensor {
  return { name, datatype: "UINT8", shape: [values.length], data: Uint8Array.from(values) };
}

/** A step in one line: model, `input=tensor` pairs, `output=tensor` pairs, all separated by blanks. */
export function step(
  modelName: string,
  inputs: string,
  outputs: string,
  more: Partial<StepDescription> = {},
): StepDescription {
  return {
    modelName,
    modelVersion: "",
    batching: false,
    decoupled: false,
    inputs: pairs(inputs).map(([name, tensor]) => ({ name, tensor, dims: [-1] })),
    outputs: pairs(outputs).map(([name, tensor]) => ({ name, tensor })),
    ...more,
  };
}

function pairs(text: string): string[][] {
  return text.split(" ").map((pair) => pair.split("="));
}

/** An ensemble `E`; names of inputs and outputs separated by blanks. */
export function ensemble(
  inputs: string,
  outputs: string,
  steps: readonly StepDescription[],
  more: Partial<EnsembleDescription> = {},
): EnsembleDescription {
  return {
    name: "E",
    batching: false,
    decoupled: steps.some(({ decoupled }) => decoupled),
    inputs: inputs.split(" "),
    outputs: outputs.split(" ").map((name) => ({ name, dims: [-1] })),
    steps,
    maxInflightRequests: 0,
    ...more,
  };
}

/** One request that a {@link FakeModel} has been given and that the test answers. */
export interface Call {
  readonly request: InferenceRequest;
  readonly sink: ResponseSink;
  /** Responds with these outputs. */
  respond(...outputs: Tensor[]): void;
  /** Responds and finishes. */
  answer(...outputs: Tensor[]): void;
}

/** A model whose requests the test answers by hand, or `onCall` at once. */
export class FakeModel implements StepModel {
  readonly calls: Call[] = [];
  holds = 0;

  constructor(readonly name: string, private readonly onCall?: (call: Call) => void) {}

  hold(): void {
    this.holds++;
  }

  letGo(): void {
    this.holds--;
  }

  inferHeld(request: InferenceRequest, sink: ResponseSink): void {
    const respond = (...outputs: Tensor[]) => {
      sink.respond({ modelName: this.name, modelVersion: "1", id: request.id, outputs });
    };
    const answer = (...outputs: Tensor[]) => {
      respond(...outputs);
      sink.finish();
    };
    const call = { request, sink, respond, answer };
    this.calls.push(call);
    this.onCall?.(call);
  }
}

/** Keeps what it is told. */
export class MemorySink implements ResponseSink {
  readonly responses: InferenceResponse[] = [];
  finished = 0;
  error: Status | undefined;

  respond(response: InferenceResponse): void {
    this.responses.push(response);
  }

  finish(error?: Status): void {
    this.finished++;
    this.error = error;
  }

  /** The outputs of each response, as `name=values`. */
  get texts(): string[] {
    return this.responses.map(({ outputs }) => outputs.map(({ name, data }) => `${name}=${data}`).join(" "));
  }
}

/** The scheduler of an ensemble whose steps run these models, and a way to send it requests. */
export function schedulerOf(description: EnsembleDescription, ...models: FakeModel[]) {
  return limitedSchedulerOf(undefined, description, ...models);
}

/** As {@link schedulerOf}, with `maxQueueSize`. */
export function limitedSchedulerOf(
  maxQueueSize: number | undefined,
  description: EnsembleDescription,
  ...models: FakeModel[]
) {
  const statistics = new ModelStatistics();
  const clock = new ManualClock();
  const find = (name: string) => {
    const model = models.find((model) => model.name === name);
    if (!model) throw new Status("NOT_FOUND", `no ${name}`);
    return model;
  };
  const scheduler = new EnsembleScheduler({ description, modelVersion: "1", find, statistics, clock, maxQueueSize });
  const send = (values: number[] | InferenceRequest = [1]) => {
    const request = values instanceof InferenceRequest ? values : requestOf(...values);
    const sink = new MemorySink();
    scheduler.enqueue(request, sink);
    return sink;
  };
  return { scheduler, statistics, clock, send };
}

/** A request with these bytes as X. */
export function requestOf(...values: number[]): InferenceRequest {
  const request = new InferenceRequest("E", "");
  request.inputs.push(tensor("X", ...values));
  request.receivedAt = 0;
  return request;
}

/** A model that answers at once with `out` one higher than `in`. */
export function increment(name: string): FakeModel {
  return new FakeModel(name, ({ request, answer }) => {
    answer(tensor("out", ...request.inputs[0].data.map((value) => value + 1)));
  });
}
