import type { Status } from "../core/status.ts";
import type { VersionState } from "./model.ts";
import type { ServedModel } from "./served_model.ts";

/**
 * Where a version stands.
 *
 * - `UNKNOWN`: seen, nothing done yet.
 * - `LOADING`: being loaded, nothing to serve from.
 * - `READY`: serving. A reload happens behind it and ends in `READY` again.
 * - `UNLOADING`: takes no new requests; what runs goes on.
 * - `UNAVAILABLE`: not served, and why: its load failed, it was `unloaded`, or what it ran on is lost.
 */
export type VersionStatus =
  | { readonly state: "UNKNOWN" }
  | { readonly state: "LOADING" }
  | { readonly state: "READY"; readonly model: ServedModel }
  | { readonly state: "UNLOADING"; readonly model: ServedModel }
  | { readonly state: "UNAVAILABLE"; readonly reason: string; readonly lost?: Status };

/** The reason of a version that was unloaded on purpose. */
export const UNLOADED = "unloaded";

const NEXT: Readonly<Record<VersionState, readonly VersionState[]>> = {
  UNKNOWN: ["LOADING"],
  LOADING: ["READY", "UNAVAILABLE"],
  READY: ["READY", "UNLOADING", "UNAVAILABLE"],
  UNLOADING: ["LOADING", "UNAVAILABLE"],
  UNAVAILABLE: ["LOADING", "UNAVAILABLE"],
};

/** One version of a model through its life. */
export class VersionRecord {
  /** What the version that serves, or that failed to load, was made from; undefined before the first attempt. */
  revision: string | undefined = undefined;
  #status: VersionStatus = { state: "UNKNOWN" };

  /** @param onChange called after each change of the status. */
  constructor(readonly version: number, private readonly onChange: (record: VersionRecord) => void) {}

  get status(): VersionStatus {
    return this.#status;
  }

  /** What serves; undefined while nothing does. */
  get ready(): ServedModel | undefined {
    return this.#status.state === "READY" ? this.#status.model : undefined;
  }

  /** Why nothing is left of what served; undefined where that is not what became of it. */
  get lost(): Status | undefined {
    return this.#status.state === "UNAVAILABLE" ? this.#status.lost : undefined;
  }

  /** True for a version that is not expected to serve. */
  get unloaded(): boolean {
    return this.#status.state === "UNLOADING" ||
      this.#status.state === "UNAVAILABLE" && this.#status.reason === UNLOADED;
  }

  /** @throws Error for a step that the state machine does not have: a mistake in this program. */
  become(status: VersionStatus): void {
    if (!NEXT[this.#status.state].includes(status.state)) {
      throw new Error(`version ${this.version} cannot become ${status.state} while it is ${this.#status.state}`);
    }
    this.#status = status;
    this.onChange(this);
  }
}
