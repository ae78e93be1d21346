import type { InferenceResponse } from "../../../core/inference.ts";
import type { Tensor } from "../../../core/tensor.ts";
import type { Model } from "../../../model_repository/model.ts";
import { classify } from "../../classification.ts";

/**
 * A response with some of its outputs as classes.
 *
 * @param classes the number of classes wanted, by output.
 * @throws Status INVALID_ARGUMENT where an output cannot be classified.
 */
export function withClasses(
  response: InferenceResponse,
  classes: ReadonlyMap<string, number>,
  model: Model,
): InferenceResponse {
  const outputs = response.outputs.map((output): Tensor => {
    const count = classes.get(output.name);
    return count === undefined
      ? output
      : classify(output, count, model.config.maxBatchSize > 0, model.labels(output.name));
  });
  return { ...response, outputs };
}
