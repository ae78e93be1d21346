/** An input or output of a step's model, and the tensor of the ensemble that it is connected with. */
interface StepTensor {
  /** As the step's model calls it. */
  readonly name: string;
  readonly tensor: string;
}

/** An input of a step: which tensor of the ensemble it reads. */
export interface StepInput extends StepTensor {
  /** Of one row, as the step's model is configured; -1 is free. */
  readonly dims: readonly number[];
}

/** An output of a step: which tensor of the ensemble it writes. */
export interface StepOutput extends StepTensor {
  /** It has a batch dimension; as the step's model where not said. */
  readonly batching?: boolean;
}

/** One step of an ensemble, with what the data flow has to know of its model. */
export interface StepDescription {
  readonly modelName: string;
  /** "" for the one that the model's version policy prefers. */
  readonly modelVersion: string;
  /** The model has a batch dimension. */
  readonly batching: boolean;
  /** The model gives any number of responses, not exactly one. */
  readonly decoupled: boolean;
  /** Those that are mapped, in the order of the model's configuration. */
  readonly inputs: readonly StepInput[];
  readonly outputs: readonly StepOutput[];
}

/** An output of an ensemble; its name is that of a tensor. */
export interface EnsembleOutput {
  readonly name: string;
  /** Of one row. */
  readonly dims: readonly number[];
}

/** A checked ensemble, as its scheduler needs it. */
export interface EnsembleDescription {
  readonly name: string;
  readonly batching: boolean;
  readonly decoupled: boolean;
  /** Names of its inputs, each that of a tensor. */
  readonly inputs: readonly string[];
  readonly outputs: readonly EnsembleOutput[];
  readonly steps: readonly StepDescription[];
  /** How many requests of one step may run at once, over all requests of the ensemble; 0 for any number. */
  readonly maxInflightRequests: number;
}
