import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../observability/log.ts";

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM"];

const NUMBERS: Partial<Record<Deno.Signal, number>> = { SIGINT: 2, SIGTERM: 15, SIGBREAK: 21 };

/** Waits for the signals that stop a server. */
export class StopSignals {
  #handlers = new Map<Deno.Signal, () => void>();
  #first: Deno.Signal | undefined;
  #resolve!: (signal: Deno.Signal) => void;
  /** Timers keep the process alive, listeners for signals do not. */
  #alive = setInterval(() => {}, 2 ** 30);

  /** The first signal. */
  readonly received: Promise<Deno.Signal> = new Promise((resolve) => this.#resolve = resolve);

  /** @param exit what a second signal calls, with the exit code. */
  constructor(private readonly log: Log, private readonly exit: (code: number) => void = Deno.exit) {
    for (const signal of SIGNALS) {
      const handler = () => this.notify(signal);
      this.#handlers.set(signal, handler);
      Deno.addSignalListener(signal, handler);
    }
  }

  /** What a signal does; tests call it without one. */
  notify(signal: Deno.Signal): void {
    if (this.#first === undefined) {
      this.#first = signal;
      this.#resolve(signal);
    } else {
      this.log.warning(`${signal} received again: exiting at once, what runs is lost`);
      this.exit(128 + (NUMBERS[signal] ?? 0));
    }
  }

  /** Gives the signals back to the system. */
  close(): void {
    clearInterval(this.#alive);
    for (const [signal, handler] of this.#handlers) Deno.removeSignalListener(signal, handler);
    this.#handlers.clear();
  }
}

/** What is stopped, and in which order. */
export interface Stoppable {
  /** Reports not ready from now on. */
  refuse(): void;
  /** Accepts nothing more and resolves when what runs has finished. */
  drain(): Promise<void>;
  /** Gives back what is held; false if something was still in use. */
  release(): Promise<boolean>;
}

/**
 * Stops a server: not ready at once, then what runs may finish, then everything is released.
 *
 * @returns false if that took longer than `timeoutMs`; what is left then is lost with the process.
 */
export async function shutDown(server: Stoppable, timeoutMs: number, log: Log, clock: Clock): Promise<boolean> {
  server.refuse();
  let cancel = () => {};
  const expired = new Promise<false>((resolve) => {
    cancel = clock.after(timeoutMs, () => resolve(false));
  });
  const stopped = (async () => {
    await server.drain();
    return await server.release();
  })();
  try {
    const inTime = await Promise.race([stopped, expired]);
    if (!inTime) log.error(`Exit timeout expired after ${timeoutMs / 1000} s: exiting, what still runs is lost`);
    return inTime;
  } catch (error) {
    log.error(`Stopping failed: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  } finally {
    cancel();
  }
}

/** Logs errors that nobody caught, instead of letting them end the process. The returned function ends that. */
export function guardAgainstCrashes(log: Log): () => void {
  const describe = (error: unknown) => error instanceof Error ? error.stack ?? error.message : String(error);
  const onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    log.error(`Unhandled promise rejection, the server goes on: ${describe(event.reason)}`);
  };
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    log.error(`Uncaught error, the server goes on: ${describe(event.error ?? event.message)}`);
  };
  globalThis.addEventListener("unhandledrejection", onRejection);
  globalThis.addEventListener("error", onError);
  return () => {
    globalThis.removeEventListener("unhandledrejection", onRejection);
    globalThis.removeEventListener("error", onError);
  };
}
