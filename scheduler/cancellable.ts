import type { InferenceRequest } from "../core/inference.ts";

/** A request that waits, and may be cancelled meanwhile. */
export class Cancellable {
  #onAbort: (() => void) | undefined;

  constructor(readonly request: InferenceRequest) {}

  /** Calls back if the request is aborted before {@link unwatch}; not if it has been already. */
  watch(onAbort: () => void): void {
    const { signal } = this.request;
    if (signal === undefined) return;
    this.#onAbort = onAbort;
    signal.addEventListener("abort", onAbort, { once: true });
  }

  /** A signal may last longer than the wait: that of an ensemble's request is the signal of all its steps. */
  unwatch(): void {
    if (this.#onAbort === undefined) return;
    this.request.signal!.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}
