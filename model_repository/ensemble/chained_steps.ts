import type { InferenceRequest, InferenceResponse, ResponseSink } from "../../core/inference.ts";
import type { StepModel } from "../../scheduler/ensemble/step_model.ts";
import type { ServedModel } from "../served_model.ts";
import type { GpuChain } from "./gpu_chain.ts";
import { runSteps } from "./run_steps.ts";

/**
 * Several steps of one request of an ensemble, run as a chain on the GPU. Whatever the chain cannot do, the steps do one by
 * one, so that answers and errors are the same.
 */
export class ChainedSteps implements StepModel {
  /** @param models that the steps of this request run on, step by step. */
  constructor(private readonly chain: GpuChain, private readonly models: readonly ServedModel[]) {}

  hold(): void {
    for (const model of this.models) model.hold();
  }

  letGo(): void {
    for (const model of this.models) model.letGo();
  }

  inferHeld(request: InferenceRequest, sink: ResponseSink): void {
    const { chain, models } = this;
    const current = models.every((model, i) => model === chain.models[i]);
    if (current && chain.usable && !chain.failedShapes.has(request)) this.#runChain(request, sink);
    else this.#runSteps(request, sink);
  }

  #runChain(request: InferenceRequest, sink: ResponseSink): void {
    const { chain } = this;
    const chained = chain.requests.from(request);
    if (!chained) {
      this.#runSteps(request, sink);
      return;
    }
    let answer: InferenceResponse | undefined;
    chain.scheduler.enqueue(chained, {
      respond: (response) => answer = response,
      finish: (error) => {
        if (chained.failed) {
          this.#runFailed(request, sink);
          return;
        }
        if (answer) sink.respond(answer);
        sink.finish(error);
      },
    });
  }

  /** Runs the steps of a request that failed in the chain. */
  #runFailed(request: InferenceRequest, sink: ResponseSink): void {
    this.#runSteps(request, {
      respond: (response) => sink.respond(response),
      finish: (error) => {
        if (error && error.code !== "CANCELLED" && error.code !== "UNAVAILABLE") this.chain.failedShapes.add(request);
        sink.finish(error);
      },
    });
  }

  #runSteps(request: InferenceRequest, sink: ResponseSink): void {
    runSteps(this.chain, (name, version) => this.#modelOf(name, version), request, sink);
  }

  #modelOf(name: string, version: string): ServedModel {
    const { steps } = this.chain.part;
    return this.models[steps.findIndex((step) => step.modelName === name && step.modelVersion === version)];
  }
}
