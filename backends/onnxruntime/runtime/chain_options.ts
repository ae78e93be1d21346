import type { OrtLoadOptions } from "./options.ts";

/** An input of a link: which tensor of the chain it reads. */
export interface ChainInput {
  /** As the link's model calls it. */
  readonly name: string;
  readonly tensor: string;
  /** What the model's configuration allows, batch dimension included; -1 is free. */
  readonly dims: readonly number[];
  /** What the model takes instead of {@link dims}, batch dimension included, where its configuration has a reshape. */
  readonly reshape?: readonly number[];
}

/** An output of a link: which tensor of the chain it becomes. */
export interface ChainOutput {
  /** As the link's model calls it. */
  readonly name: string;
  readonly tensor: string;
  /** What the model gives and what others see, batch dimension included, where its configuration has a reshape. */
  readonly reshape?: { readonly from: readonly number[]; readonly to: readonly number[] };
}

/** One model run of a chain. */
export interface ChainLink {
  /** Which of {@link OrtChainOptions.models} it runs. */
  readonly model: number;
  readonly inputs: readonly ChainInput[];
  readonly outputs: readonly ChainOutput[];
  /** The most rows that the model takes; 0 where it has no batch dimension. */
  readonly maxBatchSize: number;
}

/** Models that run one after the other in one worker, what is between them staying on the GPU: plain data. */
export interface OrtChainOptions {
  readonly models: readonly OrtLoadOptions[];
  /** In the order in which they run: each reads what earlier ones wrote, or what the chain is given. */
  readonly links: readonly ChainLink[];
  /** A run may be a batch of several requests: all tensors have the rows that the first link is given. */
  readonly batching: boolean;
  readonly assetDirectory?: string;
}

/**
 * An output that every chain has besides its tensors: FP64 [rows, 2 × links that ran], rows and milliseconds of each link.
 * All rows are the same, one for each of a batch, so that they are split as the other outputs are.
 */
export const LINK_TIMES = "\0links";
