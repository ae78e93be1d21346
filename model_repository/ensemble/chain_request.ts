import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import { InferenceRequest } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { EnsembleDescription, StepDescription, StepInput } from "../../scheduler/ensemble/description.ts";
import type { ServedModel } from "../served_model.ts";

/** A request to a chain: inputs and outputs have the names of the ensemble's tensors. */
export class ChainRequest extends InferenceRequest {
  /** Its execution failed: its steps are to run one by one. */
  failed = false;
}

/** Makes the requests to a chain. */
export class ChainRequests {
  /** What a chain is given: what its first step reads comes first. */
  readonly inputs: readonly StepInput[];

  /**
   * @param part its steps. @param model of the first of them. @param maxBatchSize 0 for any number of rows.
   * @param batching requests run together: all inputs of one have the same rows.
   */
  constructor(
    private readonly part: EnsembleDescription,
    private readonly model: ServedModel,
    private readonly maxBatchSize: number,
    private readonly batching: boolean,
  ) {
    this.inputs = inputsOf(part.steps);
  }

  /**
   * A request to the chain from one to its steps together; undefined where the chain cannot take it.
   *
   * @throws Status as the model of its first step does.
   */
  from(request: InferenceRequest): ChainRequest | undefined {
    const { part: { steps: [first] }, maxBatchSize } = this;
    const chained = new ChainRequest(first.modelName, first.modelVersion);
    chained.id = request.id;
    const names: string[] = [];
    const others: Tensor[] = [];
    for (const tensor of request.inputs) {
      const input = first.inputs.find((input) => input.tensor === tensor.name);
      if (input) {
        names.push(tensor.name);
        chained.inputs.push({ ...tensor, name: input.name });
      } else others.push(tensor);
    }
    this.model.normalize(chained);
    const rows = chained.batchSize;
    if (maxBatchSize > 0 && rows > maxBatchSize) return undefined;
    if (others.length < this.inputs.length - first.inputs.length) return undefined;
    if (this.batching && others.some(({ shape }) => shape[0] !== rows)) return undefined;
    chained.inputs = [...chained.inputs.map((input, i) => ({ ...input, name: names[i] })), ...others];
    chained.outputs = [...request.outputs, LINK_TIMES];
    chained.signal = request.signal;
    chained.spent = request.spent;
    return chained;
  }
}

/** What steps read that none of them writes, each tensor once. */
export function inputsOf(steps: readonly StepDescription[]): StepInput[] {
  const inputs = new Map<string, StepInput>();
  for (const input of steps.flatMap((step) => step.inputs)) {
    if (!inputs.has(input.tensor)) inputs.set(input.tensor, input);
  }
  for (const { tensor } of steps.flatMap(({ outputs }) => outputs)) inputs.delete(tensor);
  return [...inputs.values()];
}
