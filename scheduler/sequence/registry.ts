import {
  sequenceBatchSize,
  sequenceExpired,
  sequenceLost,
  sequenceNotStarted,
  sequenceWithoutId,
} from "../../core/errors/sequence.ts";
import type { InferenceRequest } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { inventedId, type SequenceKey } from "./correlation.ts";
import { Sequence } from "./sequence.ts";
import { type Departure, Departures } from "./waiting.ts";

/** What a registry needs to know of a model. */
export interface RegistryOptions {
  readonly modelName: string;
  readonly iterative: boolean;
  readonly maxIdleMicros: number;
}

/** Sequences by their id, from START until no more requests are taken. */
export class SequenceRegistry {
  readonly #open = new Map<SequenceKey, Sequence>();
  readonly #departures = new Departures();
  #invented = 0;

  constructor(private readonly options: RegistryOptions) {}

  get size(): number {
    return this.#open.size;
  }

  /** Those that take requests. */
  all(): Sequence[] {
    return [...this.#open.values()];
  }

  /** @param key undefined for no id. */
  find(key: SequenceKey | undefined): Sequence | undefined {
    return key === undefined ? undefined : this.#open.get(key);
  }

  /** What is wrong with a request: no id, no START, more than one row. */
  mistakeIn(request: InferenceRequest, key: SequenceKey | undefined): Status | undefined {
    const { modelName, iterative, maxIdleMicros } = this.options;
    const { correlationId, batchSize, sequenceStart } = request;
    if (batchSize > 1) return sequenceBatchSize(modelName, batchSize);
    if (key === undefined) return iterative ? undefined : sequenceWithoutId(modelName);
    if (sequenceStart || this.#open.has(key)) return undefined;
    switch (this.#departures.reasonOf(key)) {
      case "expired":
        return sequenceExpired(correlationId, modelName, maxIdleMicros);
      case "lost":
        return sequenceLost(correlationId, modelName);
      default:
        return sequenceNotStarted(correlationId, modelName);
    }
  }

  /** A new sequence, with an id of its own where the request has none. @param previous of the same id. */
  begin(request: InferenceRequest, key: SequenceKey | undefined, previous: Sequence | undefined): Sequence {
    if (key === undefined) return new Sequence(inventedId(++this.#invented), undefined);
    const sequence = new Sequence(request.correlationId, key, previous);
    this.#departures.forget(key);
    if (previous) this.close(previous);
    this.#open.set(key, sequence);
    return sequence;
  }

  /** Lets a sequence take no more requests. @param reason to tell who sends some all the same. */
  close(sequence: Sequence, reason?: Departure): void {
    const { key, ended } = sequence;
    sequence.ended = true;
    if (key === undefined) return;
    if (reason && !ended) this.#departures.add(key, reason);
    if (this.#open.get(key) === sequence) this.#open.delete(key);
  }
}
