import { wrongResponseCount } from "../../core/errors/request.ts";
import { InferenceRequest, type InferenceResponse, type ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { bridgedShape } from "./bridge.ts";
import type { Firing, SequencePlace } from "./dataflow.ts";
import type { StepDescription } from "./description.ts";
import type { EnsembleRun } from "./ensemble_run.ts";
import type { StepGate, Waiting } from "./step_gate.ts";
import type { StepModel } from "./step_model.ts";

/** One run of one step for one request of an ensemble. */
export class StepCall implements ResponseSink, Waiting {
  #responses = 0;
  #request: InferenceRequest | undefined;
  /** `performance.now()` when it began to wait for its turn. */
  #waitingSince: number | undefined;
  #calledOff = false;

  constructor(
    private readonly ensemble: EnsembleRun,
    private readonly description: StepDescription,
    private readonly firing: Firing,
    private readonly model: StepModel,
    private readonly gate: StepGate,
    /** Names of the outputs that are read. */
    private readonly outputs: readonly string[],
  ) {}

  /** Number of the step. */
  get step(): number {
    return this.firing.step;
  }

  get over(): boolean {
    return this.#calledOff;
  }

  /** It is not to run any more, while it waits. */
  callOff(): void {
    this.#calledOff = true;
    this.gate.calledOff();
  }

  /** Runs the step, at once or when it is its turn. */
  start(): void {
    if (this.gate.enter(this)) {
      this.run();
      return;
    }
    this.#waitingSince = performance.now();
    this.ensemble.waits(this);
  }

  run(): void {
    const { ensemble } = this;
    if (this.#waitingSince !== undefined) ensemble.waited(this, performance.now() - this.#waitingSince);
    if (!ensemble.mayStart()) {
      this.gate.leave();
      ensemble.ended(this.step);
      return;
    }
    const request = this.#request = this.#makeRequest();
    try {
      this.model.inferHeld(request, this);
    } catch (thrown) {
      this.finish(Status.from(thrown));
    }
  }

  respond({ outputs, parameters }: InferenceResponse): void {
    const { description, firing, ensemble } = this;
    if (++this.#responses > 1 && !description.decoupled) {
      ensemble.fail(wrongResponseCount(this.#responses));
      return;
    }
    const rows = description.batching ? this.#request!.batchSize : 0;
    const sequence = parameters === undefined ? undefined : placeFrom(parameters);
    ensemble.responded(firing.step, firing.iteration, outputs, rows, sequence);
  }

  finish(error?: Status): void {
    if (error) this.ensemble.fail(error);
    else if (this.#responses === 0 && !this.description.decoupled) this.ensemble.fail(wrongResponseCount(0));
    this.gate.leave();
    this.ensemble.ended(this.step);
  }

  /** A decoupled model is to wait while the steps that it feeds are far behind, or the client reads slowly. */
  backpressure(): Promise<void> | undefined {
    return this.ensemble.backpressure(this.step);
  }

  #makeRequest(): InferenceRequest {
    const { description, firing: { values }, ensemble } = this;
    const { modelName, modelVersion, inputs, batching } = description;
    const original = ensemble.request;
    const request = new InferenceRequest(modelName, modelVersion);
    request.id = original.id;
    request.outputs = this.outputs;
    request.parameters = original.parameters;
    request.correlationId = original.correlationId;
    request.sequenceStart = original.sequenceStart;
    request.sequenceEnd = original.sequenceEnd;
    request.priority = original.priority;
    request.timeoutMicros = original.timeoutMicros;
    request.signal = original.signal;
    request.spent = ensemble.spent;
    for (let i = 0; i < inputs.length; i++) {
      const { tensor, rows, sequence } = values[i];
      if (sequence !== undefined) {
        request.correlationId = sequence.id;
        request.sequenceStart = sequence.start;
        request.sequenceEnd = sequence.end;
      }
      if (tensor === undefined) continue;
      const { name, dims } = inputs[i];
      const { datatype, data } = tensor;
      request.inputs.push({ name, datatype, shape: bridgedShape(tensor.shape, rows, dims, batching), data });
    }
    return request;
  }
}

/** The place in a sequence that a model's response claims by its parameters. */
function placeFrom(parameters: NonNullable<InferenceResponse["parameters"]>): SequencePlace | undefined {
  const id = parameters.get("sequence_id");
  const start = parameters.get("sequence_start");
  const end = parameters.get("sequence_end");
  if (typeof id === "boolean" || id === undefined) return undefined;
  return { id, start: start === true, end: end === true };
}
