import { identityConfig } from "./repository_fixture.ts";

/** A step in text format: `model[:version] in=tensor[,in=tensor] out=tensor[,…]`. */
function stepText(step: string): string {
  const [model, inputs, outputs] = step.split(" ");
  const [name, version] = model.split(":");
  const maps = (field: string, pairs: string) =>
    pairs.split(",").map((pair) => {
      const [key, value] = pair.split("=");
      return `${field} { key: "${key}" value: "${value}" }`;
    });
  const fields = [...maps("input_map", inputs), ...maps("output_map", outputs)];
  return `step { model_name: "${name}" model_version: ${version ?? -1} ${fields.join(" ")} }`;
}

/** `config.pbtxt` of an ensemble with the tensors of {@link identityConfig}. */
export function ensembleConfig(steps: readonly string[], more = ""): string {
  const tensors = identityConfig(more).replace('backend: "identity"', 'platform: "ensemble"');
  return `${tensors} ensemble_scheduling { ${steps.map(stepText).join(" ")} }`;
}

/** Two steps of the model `m`. */
export const TWICE: readonly string[] = ["m IN=IN OUT=mid", "m IN=mid OUT=OUT"];
