import type { InferenceRequest } from "../core/inference.ts";

/**
 * Calls `callback` once nobody waits for any of these requests any more: when the last of them is aborted, at once if
 * they all are. Never where a request cannot be aborted.
 *
 * @returns ends the watch.
 */
export function whenAllAborted(requests: readonly InferenceRequest[], callback: () => void): () => void {
  // Several requests may have one signal, as steps of an ensemble do.
  const signals = new Set<AbortSignal>();
  for (const { signal } of requests) {
    if (!signal) return () => {};
    if (!signal.aborted) signals.add(signal);
  }
  let left = signals.size;
  if (left === 0) {
    callback();
    return () => {};
  }
  const ended = new AbortController();
  const aborted = () => {
    if (--left === 0) callback();
  };
  for (const signal of signals) signal.addEventListener("abort", aborted, { once: true, signal: ended.signal });
  return () => ended.abort();
}
