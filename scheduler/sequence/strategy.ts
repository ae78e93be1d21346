import type { CloseReason } from "../dynamic/form_batch.ts";
import type { Sequence, SequenceTask } from "./sequence.ts";

/** What to do now: execute these rows, or look again after a while. */
export type Plan = ExecutePlan | { readonly waitMs: number };

export interface ExecutePlan {
  /** The requests to execute; undefined: a row without one. */
  readonly rows: readonly (SequenceTask | undefined)[];
  /** Why there are no more of them. */
  readonly reason: CloseReason;
}

/** Decides which requests of the sequences on one instance execute together. Knows no clocks, timers or instances. */
export interface SequenceStrategy {
  /** True if there is a request that could execute, now or after a while. */
  readonly waiting: boolean;
  /** A sequence that had no request that could execute has one now: the next one of its queue. */
  ready(sequence: Sequence): void;
  /**
   * The next execution, for an instance that has room; undefined if there is nothing to execute. The requests of the plan
   * are still the next ones of their sequences: who executes them takes them out.
   *
   * @param hurrying no delay is waited for.
   */
  plan(now: number, hurrying?: boolean): Plan | undefined;
}

/** The history of a sequence after one more request: equal for sequences of the same shapes in the same order. */
export function extended(history: number, shapeKey: string): number {
  // FNV-1a, and never 0, which is the beginning
  let hash = Math.imul(history ^ 0x811c9dc5, 0x01000193);
  for (let i = 0; i < shapeKey.length; i++) hash = Math.imul(hash ^ shapeKey.charCodeAt(i), 0x01000193);
  return hash === 0 ? 1 : hash;
}
