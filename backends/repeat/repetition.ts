import type { Clock } from "../../core/clock.ts";
import { requestCancelled } from "../../core/errors/request.ts";
import type { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Execution } from "../backend.ts";

/** What a request to a repeat model asks for. */
export interface RepetitionPlan {
  /** The value of each response. */
  readonly values: Int32Array;
  /** Milliseconds before each response. */
  readonly delays: Uint32Array;
  /** Milliseconds before the instance takes another request. */
  readonly waitMs: number;
  readonly wantsOut: boolean;
  readonly wantsIndex: boolean;
  /** The first response to send, and the one after the last. */
  readonly from: number;
  readonly until: number;
}

/** Where a repetition runs. */
export interface RepetitionContext {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly clock: Clock;
  readonly onOver: () => void;
}

const SHAPE: readonly number[] = [1];

/**
 * The responses to one request, sent one after the other: at their times, and no faster than they are taken. If it stops
 * before the last of them, it has the request executed again.
 */
export class Repetition {
  #next: number;
  #over = false;
  #cancelTimer: (() => void) | undefined;
  readonly #startedAt: number;

  constructor(
    private readonly execution: Execution,
    private readonly plan: RepetitionPlan,
    private readonly context: RepetitionContext,
  ) {
    this.#next = plan.from;
    this.#startedAt = context.clock.now();
  }

  start(): void {
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
    this.#go(false);
  }

  /** Sends nothing more. */
  end(error?: Status): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer?.();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.context.onOver();
    this.execution.finish({ inputMs: 0, inferMs: this.context.clock.now() - this.#startedAt, outputMs: 0 }, error);
  }

  get #signal(): AbortSignal | undefined {
    return this.execution.requests[0].signal;
  }

  readonly #abort = (): void => this.end(requestCancelled());

  /** @param waited the delay of the next response has passed. */
  #go(waited: boolean): void {
    const { values, delays, until } = this.plan;
    while (!this.#over && this.#next < until) {
      const delay = delays[this.#next];
      if (delay > 0 && !waited) {
        this.#cancelTimer = this.context.clock.after(delay, () => this.#go(true));
        return;
      }
      const full = this.execution.backpressure?.(0);
      if (full) {
        full.then(() => this.#go(true));
        return;
      }
      waited = false;
      this.#send(this.#next++);
    }
    if (this.#over) return;
    if (until < values.length) this.execution.reschedule?.(0);
    this.end();
  }

  #send(index: number): void {
    const { modelName, modelVersion } = this.context;
    const { values, wantsOut, wantsIndex } = this.plan;
    const outputs: Tensor[] = [];
    if (wantsOut) {
      const data = new Uint8Array(Int32Array.of(values[index]).buffer);
      outputs.push({ name: "OUT", datatype: "INT32", shape: SHAPE, data });
    }
    if (wantsIndex) {
      const data = new Uint8Array(Uint32Array.of(index).buffer);
      outputs.push({ name: "IDX", datatype: "UINT32", shape: SHAPE, data });
    }
    this.execution.respond(0, { modelName, modelVersion, id: this.execution.requests[0].id, outputs });
  }
}
