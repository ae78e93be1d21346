/** Errors of ensembles: their own configuration, the models that they depend on, and their requests. */
import { declare } from "./declare.ts";

const invalid = <Args extends unknown[]>(template: (...args: Args) => string) => declare("INVALID_ARGUMENT", template);

export const schedulingMissing = invalid((ensemble: string) =>
  `ensemble scheduling must be set for ensemble ${ensemble} whose platform is ensemble`
);
export const schedulingWithoutPlatform = invalid((model: string) =>
  `ensemble scheduling cannot be set for model '${model}' whose platform is not ensemble; set platform: "ensemble" and ` +
  `no backend`
);
export const ensembleBackend = invalid((ensemble: string) =>
  `Ensemble model '${ensemble}' must have platform type 'ensemble' and empty backend type`
);
export const ensembleInstanceGroup = invalid((ensemble: string) =>
  `instance group should not be specified for ensemble '${ensemble}'`
);
export const ensembleOptimization = invalid((ensemble: string) =>
  `optimization should not be specified for ensemble '${ensemble}'`
);
export const ensembleWarmup = invalid((ensemble: string) =>
  `model_warmup can not be specified for ensemble '${ensemble}'`
);
export const stepsMissing = invalid((ensemble: string) => `must specify 'step' for ensemble '${ensemble}'`);
/** @param field the one that the step lacks. */
export const stepField = invalid((field: string, step: number, ensemble: string) =>
  `must specify '${field}' in step ${step} of ensemble '${ensemble}'`
);
export const tensorWrittenTwice = invalid((tensor: string, ensemble: string, step: number) =>
  `ensemble tensor '${tensor}' can appear in an output map only once for ensemble '${ensemble}' step ${step}`
);
/** Triton takes such an ensemble, and then its steps run twice or for ever. */
export const ensembleInputWritten = invalid((tensor: string, ensemble: string, step: number) =>
  `ensemble tensor '${tensor}' can appear in an output map only once for ensemble '${ensemble}' step ${step}, and not at ` +
  `all since it is an input of the ensemble; give what the step writes another name`
);
/** The quotes are as clients know them. */
export const ensembleInputUnused = invalid((input: string, ensemble: string) =>
  `ensemble input '${input}' for ensemble ${ensemble}' is not used; map it in the input_map of a step`
);
export const ensembleOutputUnused = invalid((output: string, ensemble: string) =>
  `ensemble output '${output}' for ensemble ${ensemble}' is not used; map it in the output_map of a step`
);
/** @param source the tensor that nothing writes, where it is another one. */
export const ensembleOutputNotWritten = invalid((output: string, ensemble: string, source: string | undefined) =>
  `output '${output}' for ensemble '${ensemble}' is not written` +
  (source === undefined ? "" : `: at least one of its depending tensors, '${source}', is not connected`)
);
export const ensembleTensorUnused = invalid((tensor: string, ensemble: string) =>
  `ensemble tensor '${tensor}' is unused in ensemble '${ensemble}'`
);

// What an ensemble asks of the models that it depends on, and they do not give.

/** While models that it needs are still being loaded. */
export const ensembleWaits = declare(
  "UNAVAILABLE",
  (ensemble: string, models: readonly string[]) => `ensemble '${ensemble}' waits for ${quoted(models)} to be loaded`,
);
export const dependenciesMissing = invalid((ensemble: string, models: readonly string[]) =>
  `ensemble ${ensemble} contains models that are not available or ambiguous: ${models.join(", ")}`
);
/** @param reason why it has none; undefined where nobody wants it loaded. */
export const dependencyNotLoaded = invalid((ensemble: string, model: string, reason: string | undefined) =>
  `ensemble '${ensemble}' depends on '${model}' which has no loaded version. ` +
  (reason === undefined ? `Load '${model}' first` : `Model '${model}' loading failed with error: ${reason}`)
);
export const dependencyVersionNotLoaded = invalid((ensemble: string, model: string, version: number) =>
  `ensemble '${ensemble}' depends on '${model}' whose required version ${version} is not loaded.`
);
/** @param last the ensemble of the circle that depends on `ensemble` itself. */
export const circularDependency = invalid((ensemble: string, last: string) =>
  `circular dependency between ensembles: ${ensemble} -> ... -> ${last} -> ${ensemble}`
);
export const ensembleBatchTooLarge = invalid((ensemble: string, batchSize: number, model: string, limit: number) =>
  `ensemble ${ensemble} allows maximum batch size ${batchSize}, but it contains model ${model} which only allows ` +
  `maximum batch size to be ${limit}`
);
/** @param inputs what the model has. */
export const mappedToNoInput = invalid((
  ensemble: string,
  tensor: string,
  input: string,
  model: string,
  inputs: readonly string[],
) =>
  `in ensemble ${ensemble}, ensemble tensor ${tensor} is mapping to non-existing input ${input} in model ${model}; its ` +
  `inputs are ${quoted(inputs)}`
);
/** @param outputs what the model has. */
export const mappedFromNoOutput = invalid((
  ensemble: string,
  tensor: string,
  output: string,
  model: string,
  outputs: readonly string[],
) =>
  `in ensemble ${ensemble}, ensemble tensor ${tensor} is mapped from non-existing output ${output} in model ${model}; ` +
  `its outputs are ${quoted(outputs)}`
);
export const inputNotMapped = invalid((ensemble: string, input: string, model: string) =>
  `in ensemble ${ensemble}, input ${input} in model ${model} is not mapped to any ensemble tensors`
);
/** One of the two descriptions of a tensor that do not agree; `what` is its type or shape. */
export interface InferredFrom {
  readonly model: string;
  readonly what: string;
}
export const inconsistentType = invalid((
  ensemble: string,
  tensor: string,
  one: InferredFrom,
  other: InferredFrom,
) => `in ensemble ${ensemble}, ensemble tensor ${tensor}: inconsistent data type: ${inferred(one, other)}`);
export const inconsistentShape = invalid((
  ensemble: string,
  tensor: string,
  one: InferredFrom,
  other: InferredFrom,
) => `in ensemble ${ensemble}, ensemble tensor ${tensor}: inconsistent shape: ${inferred(one, other)}`);
export const differentDecoupledSources = invalid((ensemble: string, model: string) =>
  `in ensemble ${ensemble}, step of model '${model}' receives inputs originated from different decoupled models`
);

// What goes wrong with a request.

/** The text of a step's error as the ensemble passes it on. */
export function inEnsemble(ensemble: string, text: string): string {
  return `in ensemble '${ensemble}', ${text}`;
}

export const ensembleDeadlock = invalid((id: string) =>
  `[request id: ${
    id === "" ? "<id_unknown>" : id
  }] unexpected deadlock, at least one output is not set while no more ` +
  `ensemble steps can be made`
);

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(", ");
}

function inferred(one: InferredFrom, other: InferredFrom): string {
  return `${one.what} is inferred from model ${one.model} while ${other.what} is inferred from model ${other.model}`;
}
