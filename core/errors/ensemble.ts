/** Mistakes in the configuration of an ensemble that need no other model to be seen. */
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
