import type { InferenceRequest, ResponseSink } from "../../../core/inference.ts";
import type { Model } from "../../../model_repository/model.ts";
import { type FakeModel, type FakeModelOptions, identityModel, responseOf } from "../../testing/fake_repository.ts";

/** A request as a model got it, to be answered by the test. */
interface Held {
  readonly request: InferenceRequest;
  readonly sink: ResponseSink;
  respond(): void;
}

/** An identity model whose requests the test answers. */
export class HeldModel {
  readonly calls: Held[] = [];
  readonly model: FakeModel;
  #wake: (() => void) | undefined;

  constructor(name: string, options: Partial<FakeModelOptions> = {}) {
    this.model = identityModel(name, "FP32", {
      run: (request, sink, model) => {
        const respond = () => sink.respond(responseOf(model as Model, request, request.inputs));
        this.calls.push({ request, sink, respond });
        this.#wake?.();
      },
      ...options,
    });
  }

  /** Waits for the call of this index. */
  async call(index: number): Promise<Held> {
    while (this.calls.length <= index) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.calls[index];
  }
}

/** One of the inputs of a request to the model simple. */
export const tensor = (name: string) => ({ name, datatype: "INT32", shape: [1n, 16n] });
/** A request to the model simple. */
export const simple = (id: string) => ({
  modelName: "simple",
  id,
  inputs: [tensor("INPUT0"), tensor("INPUT1")],
  rawInputContents: [new Uint8Array(64), new Uint8Array(64)],
});
/** A request to an identity model. */
export const identity = (modelName: string, id: string) => ({
  modelName,
  id,
  inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1n] }],
  rawInputContents: [new Uint8Array(4)],
});
/** Asks for an end that has no outputs. */
export const EMPTY_FINAL = {
  triton_enable_empty_final_response: { parameterChoice: { case: "boolParam" as const, value: true } },
};
/** Resolves when nobody waits for a request any more. */
export const aborted = (request: InferenceRequest) =>
  new Promise<void>((resolve) => {
    if (request.signal!.aborted) resolve();
    else request.signal!.addEventListener("abort", () => resolve());
  });
