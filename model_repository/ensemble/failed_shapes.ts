import type { Clock } from "../../core/clock.ts";
import type { InferenceRequest } from "../../core/inference.ts";

/** How long requests of a shape stay out of a chain. */
const PAUSE_MS = 60_000;
/** More shapes than this are not remembered: how many there are is up to the clients. */
const MOST_SHAPES = 1024;

/**
 * Shapes with which a chain and its steps have failed alike. A failure makes a chain open its sessions anew while others
 * wait, so that for a while requests of such a shape are left to the steps, which only refuse them.
 */
export class FailedShapes {
  readonly #until = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  has(request: InferenceRequest): boolean {
    if (this.#until.size === 0) return false;
    const key = keyOf(request);
    const until = this.#until.get(key);
    if (until === undefined) return false;
    if (this.clock.now() < until) return true;
    this.#until.delete(key);
    return false;
  }

  add(request: InferenceRequest): void {
    if (this.#until.size >= MOST_SHAPES) this.#until.clear();
    this.#until.set(keyOf(request), this.clock.now() + PAUSE_MS);
  }
}

function keyOf({ inputs }: InferenceRequest): string {
  return inputs.map(({ name, shape }) => `${name}:${shape}`).sort().join(";");
}
