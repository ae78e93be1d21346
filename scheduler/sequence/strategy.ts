import type { Sequence, SequenceTask } from "./sequence.ts";

/** What to do now: execute these rows (undefined: a row without a request), or look again after a while. */
export type Plan =
  | { readonly rows: readonly (SequenceTask | undefined)[] }
  | { readonly waitMs: number };

/** Decides which requests of the sequences on one instance execute together. Knows no clocks, timers or instances. */
export interface SequenceStrategy {
  /** A sequence that had no request that could execute has one now. */
  ready(sequence: Sequence): void;
  /**
   * The next execution, for an instance that has room; undefined if there is nothing to execute. The requests of the plan
   * are still the next ones of their sequences: who executes them takes them out.
   */
  plan(now: number): Plan | undefined;
}

/** True if two requests can be rows of one batch. */
export function batchable(a: SequenceTask, b: SequenceTask): boolean {
  return a.shapeKey === b.shapeKey && a.sequence.history === b.sequence.history;
}

/** The history of a sequence after one more request: equal for sequences of the same shapes in the same order. */
export function extended(history: number, shapeKey: string): number {
  // FNV-1a, and never 0, which is the beginning
  let hash = Math.imul(history ^ 0x811c9dc5, 0x01000193);
  for (let i = 0; i < shapeKey.length; i++) hash = Math.imul(hash ^ shapeKey.charCodeAt(i), 0x01000193);
  return hash === 0 ? 1 : hash;
}
