import { createHash } from "node:crypto";
import type { InferenceRequest, ParameterValue } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";

/**
 * The key of a request's response: SHA-256, in hexadecimal, over everything that the response may depend on. Two requests
 * share a key exactly if they agree in model, version, epoch, inputs (names, datatypes, shapes, bytes), the set of
 * requested outputs, parameters and sequence. Neither the order of inputs, outputs and parameters nor the request's id,
 * priority and timeout count.
 */
export class RequestKeys {
  readonly #prefix: string;
  readonly #outputs: number;

  /** @param outputs how many outputs the model has: asking for all of them is the same as naming none. */
  constructor(modelName: string, modelVersion: string, outputs: number) {
    this.#prefix = text(modelName) + text(modelVersion);
    this.#outputs = outputs;
  }

  /** @param epoch changes whenever the model, or one that it runs, is replaced. */
  of(request: InferenceRequest, epoch: string): string {
    const inputs = byName(request.inputs);
    // Every part tells its length, so that no two requests spell the same text.
    let head = this.#prefix + text(epoch) + inputs.length + ";";
    for (let i = 0; i < inputs.length; i++) {
      const { name, datatype, shape, data } = inputs[i];
      head += text(name) + datatype + "[" + shape.join(",") + "]" + data.byteLength + ";";
    }
    head += this.#requested(request.outputs) + parametersOf(request);
    const hash = createHash("sha256").update(head);
    for (let i = 0; i < inputs.length; i++) hash.update(inputs[i].data);
    return hash.digest("hex");
  }

  #requested(outputs: readonly string[]): string {
    if (outputs.length === 0) return "*;";
    const names = outputs.length === 1 ? outputs : [...new Set(outputs)].sort();
    if (names.length === this.#outputs) return "*;";
    let list = names.length + ";";
    for (let i = 0; i < names.length; i++) list += text(names[i]);
    return list;
  }
}

function parametersOf({ parameters, correlationId, sequenceStart, sequenceEnd }: InferenceRequest): string {
  let list = "";
  if (correlationId !== 0 && correlationId !== "") list += "c" + value(correlationId);
  if (sequenceStart) list += "s;";
  if (sequenceEnd) list += "e;";
  if (parameters === undefined || parameters.size === 0) return list + "0;";
  list += parameters.size + ";";
  for (const name of [...parameters.keys()].sort()) list += text(name) + value(parameters.get(name)!);
  return list;
}

/** With its type, so that 1 and "1" differ. */
function value(value: ParameterValue): string {
  return typeof value + text(Object.is(value, -0) ? "-0" : String(value));
}

function text(text: string): string {
  return text.length + ":" + text + ";";
}

function byName(tensors: readonly Tensor[]): readonly Tensor[] {
  for (let i = 1; i < tensors.length; i++) {
    if (tensors[i - 1].name > tensors[i].name) return [...tensors].sort((a, b) => a.name < b.name ? -1 : 1);
  }
  return tensors;
}
