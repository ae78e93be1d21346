import type { InferenceRequest } from "../core/inference.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";

/**
 * What tells whether requests of a model can run as one batch: the shapes of the inputs whose dimensions are free, and,
 * where inputs are optional, which of them are there. Requests with equal keys can; the key of a model whose requests are
 * all alike is always "".
 */
export function shapeKeyOf(config: ModelConfig): (request: InferenceRequest) => string {
  if (config.maxBatchSize === 0) return () => "";
  /** By name, whether the shape counts, or only that the input is there. */
  const variable = new Map<string, boolean>();
  for (const { name, dims, optional, allowRaggedBatch } of config.input) {
    const shaped = !allowRaggedBatch && dims.some((dim) => dim < 0n);
    if (optional || shaped) variable.set(name, shaped);
  }
  if (variable.size === 0) return () => "";
  return ({ inputs }) => {
    const parts: string[] = [];
    for (const { name, shape } of inputs) {
      const shaped = variable.get(name);
      if (shaped !== undefined) parts.push(shaped ? `${name}:${shape.slice(1)}` : name);
    }
    // in the order of the names, whatever the client's was
    return parts.length > 1 ? parts.sort().join(";") : parts.length === 1 ? parts[0] : "";
  };
}
