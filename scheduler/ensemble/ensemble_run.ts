import { ensembleDeadlock, inEnsemble } from "../../core/errors/ensemble.ts";
import { requestCancelled } from "../../core/errors/request.ts";
import {
  type InferenceRequest,
  type InferenceResponse,
  type ParameterValue,
  type ResponseSink,
  TimeSpent,
} from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bridgedShape } from "./bridge.ts";
import { Dataflow, type Firing, type SequencePlace } from "./dataflow.ts";
import { type Demand, OUTPUTS } from "./demand.ts";
import type { EnsembleDescription } from "./description.ts";
import { Lead, LONGEST_LEAD } from "./lead.ts";
import { StepCall } from "./step_call.ts";
import type { StepGate } from "./step_gate.ts";
import type { FindStepModel, StepModel } from "./step_model.ts";

/** What the requests of one ensemble have in common. */
export interface EnsembleParts {
  readonly description: EnsembleDescription;
  readonly modelVersion: string;
  readonly find: FindStepModel;
  /** One per step. */
  readonly gates: readonly StepGate[];
  /** Dims of the outputs by name; an output that is not there goes out as it is. */
  readonly outputDims: ReadonlyMap<string, readonly number[]>;
  /** These are some steps of a larger ensemble, which names itself in errors. */
  readonly partial?: boolean;
}

/**
 * One request on its way through an ensemble. Steps start as soon as what they read is there, side by side where they can.
 * The first error stops further steps; when those that run have ended, the request ends with it.
 */
export class EnsembleRun {
  /** What the steps took together. */
  readonly spent: TimeSpent = new TimeSpent();
  readonly #flow: Dataflow;
  #models: StepModel[] = [];
  /** Steps that run or wait for their turn. */
  #steps = 0;
  /** Those of them that wait. */
  #waiting: Set<StepCall> | undefined;
  #error: Status | undefined;
  #responses = 0;
  /** Responses that came before those of earlier iterations. */
  #early: Map<number, InferenceResponse> | undefined;
  /** Who waits until there are fewer of them. */
  #room: PromiseWithResolvers<void> | undefined;
  /** Where steps are decoupled. */
  readonly #lead: Lead | undefined;
  #unwatch: (() => void) | undefined;

  /** @param onEnd told once, after the last response. */
  constructor(
    private readonly parts: EnsembleParts,
    private readonly demand: Demand,
    readonly request: InferenceRequest,
    private readonly sink: ResponseSink,
    private readonly onEnd: (run: EnsembleRun, error: Status | undefined) => void,
  ) {
    this.#flow = new Dataflow(parts.description, demand);
    if (parts.description.decoupled) this.#lead = new Lead(parts.description, demand);
  }

  /** True once an error has ended it: nothing more is to start. */
  get failed(): boolean {
    return this.#error !== undefined;
  }

  start(): void {
    const { description } = this.parts;
    this.#steps++; // this method itself: what it starts may end before it does
    try {
      this.#holdModels();
      this.#fire(this.#flow.begin(this.request.inputs, description.batching ? this.request.batchSize : 0));
    } catch (thrown) {
      this.fail(Status.from(thrown));
    }
    this.ended();
  }

  /** False, and the reason noted, where nobody waits for the answer any more. */
  mayStart(): boolean {
    if (this.request.signal?.aborted) this.fail(requestCancelled());
    return !this.failed;
  }

  responded(
    step: number,
    iteration: number,
    outputs: readonly Tensor[],
    rows: number,
    sequence: SequencePlace | undefined,
  ): void {
    if (!this.failed) this.#fire(this.#flow.responded(step, iteration, outputs, rows, sequence));
  }

  /** Stops further steps; the first error is the one that the client gets. */
  fail(error: Status): void {
    if (this.#error) return;
    const { description: { name }, partial } = this.parts;
    this.#error = partial ? error : error.withMessage(inEnsemble(name, error.message));
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const call of waiting) call.callOff();
    this.#lead?.release();
    this.#room?.resolve();
    for (const { step } of waiting) this.ended(step);
  }

  /** A step has to wait for its turn; if the client goes meanwhile, it is called off. */
  waits(call: StepCall): void {
    (this.#waiting ??= new Set()).add(call);
    this.#lead?.waits(call.step);
    const { signal } = this.request;
    if (!signal || this.#unwatch) return;
    const onAbort = () => this.fail(requestCancelled());
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", onAbort);
  }

  /** It was the turn of a step that waited. */
  waited(call: StepCall, ms: number): void {
    this.spent.queueMs += ms;
    this.#waiting?.delete(call);
    this.#lead?.waited(call.step);
  }

  /** As in {@link ResponseSink}: undefined while further responses of a step are welcome. */
  backpressure(step: number): Promise<void> | undefined {
    if (this.failed) return undefined;
    const room = this.#lead?.room(step);
    if (room) return room;
    if (this.#early && this.#early.size >= LONGEST_LEAD) return (this.#room ??= Promise.withResolvers()).promise;
    return this.sink.backpressure?.();
  }

  /** A step is over. @param step its number; undefined for what is none. */
  ended(step?: number): void {
    if (step !== undefined) this.#lead?.ends(step);
    if (--this.#steps > 0) return;
    this.#unwatch?.();
    for (const model of this.#models) model.letGo();
    this.#models = [];
    if (!this.failed && this.#responses === 0 && !this.parts.description.decoupled) {
      this.fail(ensembleDeadlock(this.request.id));
    }
    this.onEnd(this, this.#error);
  }

  /** The versions that all steps of this request run on, kept loaded until it ends. */
  #holdModels(): void {
    const { description: { steps }, find } = this.parts;
    for (const { modelName, modelVersion } of steps) {
      const model = find(modelName, modelVersion);
      model.hold();
      this.#models.push(model);
    }
  }

  #fire(firings: readonly Firing[]): void {
    for (let i = 0; i < firings.length; i++) {
      const { step } = firings[i];
      if (step === OUTPUTS) continue;
      this.#steps++;
      this.#lead?.begins(step);
    }
    for (let i = 0; i < firings.length; i++) {
      if (firings[i].step === OUTPUTS) this.#respond(firings[i]);
      else this.#startStep(firings[i]);
    }
  }

  #startStep(firing: Firing): void {
    const { step } = firing;
    const { description, gates } = this.parts;
    if (!this.mayStart()) {
      this.ended(step);
      return;
    }
    const outputs = this.demand.stepOutputs[step];
    new StepCall(this, description.steps[step], firing, this.#models[step], gates[step], outputs).start();
  }

  #respond({ iteration, values }: Firing): void {
    if (this.failed) return;
    const { description, modelVersion, outputDims } = this.parts;
    const outputs: Tensor[] = [];
    let place: SequencePlace | undefined;
    for (let i = 0; i < values.length; i++) {
      const { tensor, rows, sequence } = values[i];
      if (tensor === undefined) continue;
      place ??= sequence;
      const name = this.demand.outputs[i];
      const dims = outputDims.get(name);
      const shape = dims ? bridgedShape(tensor.shape, rows, dims, description.batching) : tensor.shape;
      outputs.push({ name, datatype: tensor.datatype, shape, data: tensor.data });
    }
    const { id } = this.request;
    const parameters = outputs.length === 0 ? undefined : this.#sequenceParameters(place);
    const response = { modelName: description.name, modelVersion, id, outputs, parameters };
    if (description.decoupled) this.#inOrder(iteration, response);
    else {
      this.#responses++;
      this.sink.respond(response);
    }
  }

  /** Each iteration gives one response, and clients get them in their order, whichever is there first. */
  #inOrder(iteration: number, response: InferenceResponse): void {
    const early = this.#early ??= new Map();
    early.set(iteration, response);
    for (let next = early.get(this.#responses); next; next = early.get(this.#responses)) {
      early.delete(this.#responses++);
      this.sink.respond(next);
    }
    if (early.size > LONGEST_LEAD / 2) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Only where the request is part of a sequence. */
  #sequenceParameters(place: SequencePlace | undefined): ReadonlyMap<string, ParameterValue> | undefined {
    const { correlationId, sequenceStart, sequenceEnd } = this.request;
    if (correlationId === 0 || correlationId === "") return undefined;
    return new Map<string, ParameterValue>([
      ["sequence_id", place?.id ?? correlationId],
      ["sequence_start", place?.start ?? sequenceStart],
      ["sequence_end", place?.end ?? sequenceEnd],
    ]);
  }
}
