import type { ModelInstance } from "../../backends/backend.ts";
import { chainOfferOf } from "../../backends/onnxruntime/chain.ts";
import { compareOutputs } from "../../backends/onnxruntime/compare_outputs.ts";
import { drawsRandomNumbers } from "../../backends/onnxruntime/gpu_check.ts";
import { InferenceRequest, type ResponseSink } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { StepModel } from "../../scheduler/ensemble/step_model.ts";
import { Limiter } from "../limiter.ts";
import { OutputReshaper } from "../reshape.ts";
import type { ServedModel } from "../served_model.ts";
import type { GpuChain } from "./gpu_chain.ts";
import { runSteps } from "./run_steps.ts";

/** Time for finding inputs that the steps accept; the ways to try are ordered by likelihood. */
const SEARCH_MS = 30_000;

/** Executions beside a model's scheduler come one at a time: an instance takes only a few. */
const beside = new Limiter(1);

/**
 * Runs a chain once on each of its workers, so that shaders are compiled before a request comes, and compares its answers
 * with those of its steps, run one by one on the instances that serve. No statistics count any of it.
 *
 * @param candidates inputs to try until the steps take some.
 * @returns why the chain must not serve, as a clause; "" if it may.
 */
export async function checkChain(chain: GpuChain, candidates: AsyncIterable<readonly Tensor[]>): Promise<string> {
  const offers = chain.models.map(({ loaded }) => chainOfferOf(loaded)!);
  const checked = offers.every(({ gpuCheck }) => gpuCheck);
  const end = performance.now() + SEARCH_MS;
  let lastError = "none was tried";
  for await (const inputs of candidates) {
    let expected: readonly Tensor[];
    try {
      expected = await outputsOfSteps(chain, inputs);
    } catch (thrown) {
      lastError = firstLine(thrown);
      if (performance.now() > end) break;
      continue;
    }
    const lowPrecision = offers.some(({ graph }) => graph.lowPrecision);
    const random = offers.some(({ graph }) => drawsRandomNumbers(graph));
    for (const instance of chain.instances) {
      const reason = await compare(chain, instance.worker, inputs, (actual) => {
        return compareOutputs(expected, actual, lowPrecision, random, "its steps give").mismatch;
      });
      if (reason === "") chain.worked();
      else if (checked) return reason;
    }
    return "";
  }
  if (!checked) return "";
  return "it could not be compared with its steps, which take none of the generated inputs " +
    `(${lastError}); give '${chain.models[0].name}' a model_warmup sample, or trust WebGPU with ` +
    "--backend-config=onnxruntime,gpu-check=off";
}

async function compare(
  chain: GpuChain,
  instance: ModelInstance,
  inputs: readonly Tensor[],
  mismatch: (actual: readonly Tensor[]) => string,
): Promise<string> {
  try {
    const response = new UnaryResponse();
    const request = chain.requests.from(requestOf(chain, inputs));
    if (!request) return "it does not take what its steps take";
    await execute(instance, request, response);
    const reason = mismatch((await response.promise).outputs);
    return reason === "" ? "" : `it computes something else: ${reason}`;
  } catch (thrown) {
    return `it fails where its steps run: ${firstLine(thrown)}`;
  }
}

async function outputsOfSteps(chain: GpuChain, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
  const { steps } = chain.part;
  const response = new UnaryResponse();
  const find = (name: string, version: string) => {
    const index = steps.findIndex((step) => step.modelName === name && step.modelVersion === version);
    return new ModelBeside(chain.models[index]);
  };
  runSteps(chain, find, requestOf(chain, inputs), response);
  return (await response.promise).outputs;
}

function requestOf({ part }: GpuChain, inputs: readonly Tensor[]): InferenceRequest {
  const request = new InferenceRequest(part.name, "");
  request.inputs = [...inputs];
  request.outputs = part.outputs.map(({ name }) => name);
  return request;
}

/** A model that is asked beside its scheduler. */
class ModelBeside implements StepModel {
  constructor(private readonly model: ServedModel) {}

  hold(): void {
    this.model.hold();
  }

  letGo(): void {
    this.model.letGo();
  }

  inferHeld(request: InferenceRequest, sink: ResponseSink): void {
    const { model } = this;
    model.normalize(request);
    const instance = model.loaded.instances.find(({ passive }) => !passive)!;
    const reshaping = OutputReshaper.of(model.config)?.wrap(sink) ?? sink;
    beside.run(() => execute(instance, request, reshaping)).catch((thrown) => sink.finish(Status.from(thrown)));
  }
}

/** Resolves when `sink` has been finished. */
function execute(instance: ModelInstance, request: InferenceRequest, sink: ResponseSink): Promise<void> {
  return new Promise((resolve) => {
    let failure: Status | undefined;
    instance.execute({
      requests: [request],
      respond: (_, response) => sink.respond(response),
      fail: (_, error) => failure ??= error,
      finish: (_, error) => {
        sink.finish(error ?? failure);
        resolve();
      },
    });
  });
}

function firstLine(thrown: unknown): string {
  return Status.from(thrown).message.split("\n")[0];
}
