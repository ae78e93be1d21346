import type { InferenceRequest } from "../core/inference.ts";

/**
 * Calls `callback` once nobody waits for any of these requests any more: when the last of them is aborted, at once if
 * they all are. Never where a request cannot be aborted.
 *
 * @returns ends the watch.
 */
export function whenAllAborted(requests: readonly InferenceRequest[], callback: () => void): () => void {
  let left = 0;
  for (const { signal } of requests) {
    if (!signal) return () => {};
    if (!signal.aborted) left++;
  }
  if (left === 0) {
    callback();
    return () => {};
  }
  const ended = new AbortController();
  const aborted = () => {
    if (--left === 0) callback();
  };
  for (const { signal } of requests) {
    if (!signal!.aborted) signal!.addEventListener("abort", aborted, { once: true, signal: ended.signal });
  }
  return () => ended.abort();
}
