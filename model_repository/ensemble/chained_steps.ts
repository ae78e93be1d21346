import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import { InferenceRequest, type InferenceResponse, type ResponseSink, TimeSpent } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { alignedBytes, type Tensor } from "../../core/tensor.ts";
import { type EnsembleParts, EnsembleRun } from "../../scheduler/ensemble/ensemble_run.ts";
import { StepGate } from "../../scheduler/ensemble/step_gate.ts";
import type { StepModel } from "../../scheduler/ensemble/step_model.ts";
import type { ServedModel } from "../served_model.ts";
import type { GpuChain } from "./gpu_chain.ts";

const FREE = new StepGate(0);
const AS_THEY_ARE: ReadonlyMap<string, readonly number[]> = new Map();

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
    if (current && chain.usable) this.#runChain(request, sink);
    else this.#runSteps(request, sink);
  }

  #runChain(request: InferenceRequest, sink: ResponseSink): void {
    const { chain } = this;
    const chained = new InferenceRequest(request.modelName, request.modelVersion);
    chained.id = request.id;
    chained.inputs = this.#checkedInputs(request);
    chained.outputs = [...request.outputs, LINK_TIMES];
    chained.signal = request.signal;
    const spent = chained.spent = new TimeSpent();
    let answer: InferenceResponse | undefined;
    chain.scheduler.enqueue(chained, {
      respond: (response) => answer = response,
      finish: (error) => {
        if (error?.code === "CANCELLED") sink.finish(error);
        else if (error || !answer) {
          chain.failed(error?.message ?? "it gave no response");
          this.#runSteps(request, sink);
        } else {
          chain.worked();
          this.#count(answer.outputs, spent, performance.now() - request.receivedAt);
          request.spent?.add(spent.queueMs, spent);
          sink.respond({ ...answer, outputs: answer.outputs.filter(({ name }) => name !== LINK_TIMES) });
          sink.finish();
        }
      },
    });
  }

  /**
   * What the first step reads, by the names of the tensors.
   *
   * @throws Status as its model does.
   */
  #checkedInputs({ id, inputs }: InferenceRequest): Tensor[] {
    const { steps: [first] } = this.chain.part;
    const request = new InferenceRequest(first.modelName, first.modelVersion);
    request.id = id;
    const names = new Map(first.inputs.map(({ name, tensor }) => [tensor, name]));
    request.inputs = inputs.map((input) => ({ ...input, name: names.get(input.name)! }));
    this.models[0].normalize(request);
    return request.inputs.map((input, i) => ({ ...input, name: inputs[i].name }));
  }

  #runSteps(request: InferenceRequest, sink: ResponseSink): void {
    const { part, demands } = this.chain;
    const parts: EnsembleParts = {
      description: part,
      modelVersion: request.modelVersion,
      find: (name, version) => this.#modelOf(name, version),
      gates: part.steps.map(() => FREE),
      outputDims: AS_THEY_ARE,
      partial: true,
    };
    const end = ({ spent }: EnsembleRun, error: Status | undefined) => {
      request.spent?.add(spent.queueMs, spent);
      sink.finish(error);
    };
    new EnsembleRun(parts, demands.of(request.outputs), request, sink, end).start();
  }

  #modelOf(name: string, version: string): ServedModel {
    const { steps } = this.chain.part;
    return this.models[steps.findIndex((step) => step.modelName === name && step.modelVersion === version)];
  }

  /** Each model counts its run as if it had been asked itself. */
  #count(outputs: readonly Tensor[], spent: TimeSpent, totalMs: number): void {
    const { data } = outputs.find(({ name }) => name === LINK_TIMES)!;
    const bytes = alignedBytes(data, 8);
    const times = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    const links = times.length / 2;
    for (let i = 0; i < links; i++) {
      const [rows, ms] = times.subarray(2 * i, 2 * i + 2);
      const first = i === 0;
      const phases = {
        inputMs: first ? spent.inputMs : 0,
        inferMs: ms,
        outputMs: i === links - 1 ? spent.outputMs : 0,
      };
      const { statistics } = this.models[i];
      statistics.executed(rows, phases);
      statistics.requestSucceeded(
        rows,
        first ? Math.max(ms, totalMs - sumAfter(times)) : ms,
        first ? spent.queueMs : 0,
        phases,
      );
    }
  }
}

/** Milliseconds of all links but the first. */
function sumAfter(times: Float64Array): number {
  let sum = 0;
  for (let i = 3; i < times.length; i += 2) sum += times[i];
  return sum;
}
