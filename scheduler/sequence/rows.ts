import { ELEMENT_SIZE } from "../../core/data_type.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { elementCount, type Tensor } from "../../core/tensor.ts";
import type { ControlTensors } from "./controls.ts";
import type { SequenceTask } from "./sequence.ts";

const EMPTY_ROW = { start: false, end: false, ready: false };

/**
 * Makes of the rows of an execution the requests that a backend sees: those of clients with the control tensors, and for
 * empty rows requests of zeros with the shapes of a real one.
 */
export class RowRequests {
  /** Zeros by length. */
  readonly #zeros = new Map<number, Uint8Array>();

  /** @param outputs what a request that names no outputs gets: without it, states would come along. */
  constructor(private readonly controls: ControlTensors, private readonly outputs: readonly string[]) {}

  /** @param rows at least one of them with a request. */
  of(rows: readonly (SequenceTask | undefined)[]): InferenceRequest[] {
    const requests: InferenceRequest[] = new Array(rows.length);
    let empty: InferenceRequest | undefined;
    for (let i = 0; i < rows.length; i++) {
      const task = rows[i];
      if (task) requests[i] = this.#real(task);
      else requests[i] = empty ??= this.#empty(rows.find((row) => row !== undefined)!.request);
    }
    return requests;
  }

  #real(task: SequenceTask): InferenceRequest {
    const { request, sequence } = task;
    const made = new InferenceRequest(request.modelName, request.modelVersion);
    made.id = request.id;
    made.outputs = this.#wanted(request);
    made.parameters = request.parameters;
    made.correlationId = sequence.id;
    made.sequenceStart = task.starts;
    made.sequenceEnd = task.ends;
    made.priority = request.priority;
    made.timeoutMicros = request.timeoutMicros;
    made.signal = request.signal;
    made.memory = request.memory;
    made.batchSize = request.batchSize;
    made.receivedAt = request.receivedAt;
    const flags = this.controls.flags({ start: task.starts, end: task.ends, ready: true });
    const correlation = sequence.correlation ??= this.controls.correlation(sequence.id);
    made.inputs = correlation ? [...request.inputs, ...flags, correlation] : [...request.inputs, ...flags];
    return made;
  }

  #empty(like: InferenceRequest): InferenceRequest {
    const made = new InferenceRequest(like.modelName, like.modelVersion);
    made.outputs = this.#wanted(like);
    made.inputs = like.inputs.map((input) => this.#zero(input));
    made.inputs.push(...this.controls.flags(EMPTY_ROW));
    const { noCorrelation } = this.controls;
    if (noCorrelation) made.inputs.push(noCorrelation);
    return made;
  }

  #wanted({ outputs }: InferenceRequest): readonly string[] {
    return outputs.length > 0 ? outputs : this.outputs;
  }

  /** Zeros are empty strings as well: a length of 0 for each. */
  #zero({ name, datatype, shape }: Tensor): Tensor {
    const length = elementCount(shape) * (datatype === "BYTES" ? 4 : ELEMENT_SIZE[datatype]);
    let data = this.#zeros.get(length);
    if (!data) {
      if (this.#zeros.size >= 64) this.#zeros.clear();
      this.#zeros.set(length, data = new Uint8Array(length));
    }
    return { name, datatype, shape, data };
  }
}
