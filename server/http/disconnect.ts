/** How often requests are looked at. One that is answered within this time is never watched. */
const SWEEP_MS = 25;

/** A request in progress whose client may go away. */
export interface Watched {
  readonly controller: AbortController;
}

class Entry implements Watched {
  readonly controller = new AbortController();
  sweeps = 0;

  constructor(readonly request: Request) {}
}

/**
 * Aborts requests whose clients have gone. A request's own signal costs more to create than a small inference, so it is
 * only asked of requests that have been waiting for a while; until then nobody could have noticed.
 */
export class DisconnectWatch {
  readonly #entries = new Set<Entry>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Watches until {@link done}. */
  watch(request: Request): Watched {
    const entry = new Entry(request);
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
    return entry;
  }

  /** The request has its answer: nothing aborts it any more. */
  done(watched: Watched): void {
    this.#entries.delete(watched as Entry);
  }

  #sweep(): void {
    if (this.#entries.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    for (const entry of this.#entries) {
      if (++entry.sweeps === 2) this.#attach(entry);
    }
  }

  #attach(entry: Entry): void {
    const { signal } = entry.request;
    const gone = () => {
      // The signal of a request also fires once it has been answered.
      if (this.#entries.delete(entry)) entry.controller.abort();
    };
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone, { once: true });
  }
}
