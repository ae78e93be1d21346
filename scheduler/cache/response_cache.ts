import type { InferenceResponse } from "../../core/inference.ts";
import type { CacheStatistics } from "../../observability/cache_statistics.ts";

/** What a cache keeps of a response: all but the names that every request brings itself. Nobody changes its bytes. */
export type CachedResponse = Pick<InferenceResponse, "outputs" | "parameters">;

/** What became of a response that was to be kept. */
export type Insertion = "kept" | "too large" | "skipped";

/** Where responses are kept. Never throws and never rejects: what fails is a miss. */
export interface ResponseCache {
  /** True if it outlives this process or is used by several: keys must not depend on this process then. */
  readonly shared: boolean;
  /** Undefined where others know better how full and how useful it is. */
  readonly statistics: CacheStatistics | undefined;
  lookup(key: string): CachedResponse | undefined | Promise<CachedResponse | undefined>;
  /**
   * Keeps a response; never waits.
   *
   * @param owner what {@link forget} names.
   */
  insert(key: string, response: CachedResponse, owner: object): Insertion;
  /** A request found its response in the making: counts as a hit. */
  joined(): void;
  /** Gives back what an owner has inserted and can never be asked for again. */
  forget(owner: object): void;
  close(): Promise<void>;
}
