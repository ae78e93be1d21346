import type { OrtLoadOptions } from "./options.ts";

/** An input of a link: which tensor of the chain it reads. */
export interface ChainInput {
  /** As the link's model calls it. */
  readonly name: string;
  readonly tensor: string;
  /** What the model's configuration allows, batch dimension included; -1 is free. */
  readonly dims: readonly number[];
}

/** One model run of a chain. */
export interface ChainLink {
  /** Which of {@link OrtChainOptions.models} it runs. */
  readonly model: number;
  readonly inputs: readonly ChainInput[];
  /** Names of the model's outputs, and of the tensors that they become. */
  readonly outputs: readonly { readonly name: string; readonly tensor: string }[];
  /** The most rows that the model takes; 0 where it has no batch dimension. */
  readonly maxBatchSize: number;
}

/** Models that run one after the other in one worker, what is between them staying on the GPU: plain data. */
export interface OrtChainOptions {
  readonly models: readonly OrtLoadOptions[];
  /** In the order in which they run: each reads what earlier ones wrote, the first what the chain is given. */
  readonly links: readonly ChainLink[];
  readonly assetDirectory?: string;
}

/**
 * An output that every chain has besides its tensors: FP64 [links that ran, 2], rows and milliseconds of each.
 */
export const LINK_TIMES = "\0links";
