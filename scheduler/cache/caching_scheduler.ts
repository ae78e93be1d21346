import { type Clock, systemClock } from "../../core/clock.ts";
import { cancelledInQueue, isQueueTimeout, queueFull } from "../../core/errors/scheduler.ts";
import type { InferenceRequest, InferenceResponse, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import type { Log } from "../../observability/log.ts";
import type { FailureReason, ModelStatistics } from "../../observability/statistics.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import { Flight, LeaderSink, Member } from "./flight.ts";
import { RequestKeys } from "./request_key.ts";
import type { CachedResponse, ResponseCache } from "./response_cache.ts";

/** What a caching scheduler is made from. */
export interface CachingSchedulerOptions {
  readonly modelName: string;
  readonly modelVersion: string;
  /** How many outputs the model has. */
  readonly outputs: number;
  /** Executes what is not in the cache. */
  readonly inner: Scheduler;
  readonly cache: ResponseCache;
  /**
   * Changes whenever the model, or one that it runs, is replaced; undefined while that cannot be told, and the cache is
   * passed by.
   */
  readonly epoch: () => string | undefined;
  readonly statistics: ModelStatistics;
  readonly log: Log;
  readonly clock?: Clock;
  /** Requests that may wait for the response of another one; default {@link DEFAULT_QUEUE_SIZE}. */
  readonly maxQueueSize?: number;
}

const NO_TIME = { inputMs: 0, inferMs: 0, outputMs: 0 };

/**
 * Answers requests from a response cache, and hands the others to the scheduler of the model.
 *
 * Of several requests with one key that come before there is a response, the first executes and the others wait for its
 * response, which counts as a hit. Where the first is cancelled, or has waited too long to execute, the next takes its
 * place, with the time that it has waited by then; every other failure is the failure of all, so that a request that breaks a model breaks it once. Requests wait only for others of the same
 * priority and timeout: what they would wait for in the queue. Only answers of exactly one response are kept.
 *
 * As in Triton a hit counts as success with its queue time and a `cache_hit`, and as no inference and no execution; a
 * miss counts, once it has succeeded, its lookup and insertion as `cache_miss`.
 */
export class CachingScheduler implements Scheduler {
  readonly #options: CachingSchedulerOptions;
  readonly #keys: RequestKeys;
  readonly #clock: Clock;
  readonly #maxQueueSize: number;
  readonly #flights = new Map<string, Flight>();
  #waiting = 0;
  #stopped = false;
  #complained = false;

  constructor(options: CachingSchedulerOptions) {
    this.#options = options;
    this.#keys = new RequestKeys(options.modelName, options.modelVersion, options.outputs);
    this.#clock = options.clock ?? systemClock;
    this.#maxQueueSize = options.maxQueueSize ?? DEFAULT_QUEUE_SIZE;
  }

  get inFlight(): number {
    return this.#options.inner.inFlight + this.#waiting;
  }

  get pending(): number {
    return this.#options.inner.pending + this.#waiting;
  }

  enqueue(request: InferenceRequest, sink: ResponseSink): void {
    const { inner, cache } = this.#options;
    const epoch = this.#stopped ? undefined : this.#options.epoch();
    if (epoch === undefined) {
      inner.enqueue(request, sink);
      return;
    }
    const began = this.#clock.now();
    if (request.signal?.aborted) {
      this.#fail({ request, sink }, cancelledInQueue(), "CANCELED");
      return;
    }
    const key = this.#keys.of(request, epoch);
    const name = flightName(key, request);
    const flight = this.#flights.get(name);
    if (flight) {
      if (this.#isFull(request, sink)) return;
      cache.joined();
      this.#join(flight, new Member(request, sink, began, this.#clock.now() - began));
      return;
    }
    const found = cache.lookup(key);
    if (found instanceof Promise) {
      if (this.#isFull(request, sink)) return;
      const flight = this.#begin(key, name, epoch);
      this.#join(flight, new Member(request, sink, began, 0));
      found.then((response) => this.#lookedUp(flight, response, began));
      return;
    }
    const lookupMs = this.#clock.now() - began;
    if (found) this.#hit(request, sink, found, 0, lookupMs);
    else this.#execute(this.#begin(key, name, epoch), request, sink, began, lookupMs);
  }

  hurry(): void {
    this.#options.inner.hurry?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#options.inner.stop();
    this.#options.cache.forget(this);
  }

  /** True if no more requests may wait here, and this one has been told so. */
  #isFull(request: InferenceRequest, sink: ResponseSink): boolean {
    if (this.#waiting < this.#maxQueueSize) return false;
    const { modelName, statistics } = this.#options;
    statistics.requestFailed(this.#clock.now() - request.receivedAt, "REJECTED");
    refuse(sink, queueFull(request.id, modelName, this.#maxQueueSize, "--max-queue-size"));
    return true;
  }

  #begin(key: string, name: string, epoch: string): Flight {
    const flight = new Flight(key, name, epoch);
    this.#flights.set(name, flight);
    return flight;
  }

  #join(flight: Flight, member: Member): void {
    flight.join(member);
    this.#waiting++;
    member.watch(() => this.#cancel(flight, member));
  }

  #cancel(flight: Flight, member: Member): void {
    if (!flight.leave(member)) return;
    this.#waiting--;
    this.#fail(member, cancelledInQueue(), "CANCELED");
  }

  /** The cache has answered, later than at once, while all members of the flight waited. */
  #lookedUp(flight: Flight, response: CachedResponse | undefined, began: number): void {
    if (response === undefined) {
      this.#executeNext(flight, this.#clock.now() - began);
      return;
    }
    this.#flights.delete(flight.name);
    for (const member of this.#land(flight)) {
      this.#hit(member.request, member.sink, response, 0, this.#clock.now() - member.enqueuedAt);
    }
  }

  #land(flight: Flight): Member[] {
    const members = flight.all();
    this.#waiting -= members.length;
    return members;
  }

  /** Executes the next member for all others; where none waits any more, that was the flight. */
  #executeNext(flight: Flight, lookupMs?: number): void {
    const member = flight.next();
    if (member === undefined) {
      this.#flights.delete(flight.name);
      return;
    }
    this.#waiting--;
    this.#execute(flight, member.request, member.sink, member.enqueuedAt, lookupMs ?? member.lookupMs);
  }

  /** @param since `Clock.now()` when the request came. */
  #execute(flight: Flight, request: InferenceRequest, sink: ResponseSink, since: number, lookupMs: number): void {
    const leader = new LeaderSink(sink, (responses, error) => this.#executed(flight, responses, error, lookupMs));
    this.#options.inner.enqueue(request, leader, since);
  }

  #executed(
    flight: Flight,
    responses: readonly InferenceResponse[],
    error: Status | undefined,
    lookupMs: number,
  ): void {
    if (error && flight.waiting > 0 && (error.code === "CANCELLED" || isQueueTimeout(error))) {
      // not at once: that would nest as deep as there are members that were cancelled
      queueMicrotask(() => this.#executeNext(flight));
      return;
    }
    this.#flights.delete(flight.name);
    if (!error && responses.length === 1) this.#keep(flight, responses[0], lookupMs);
    if (flight.waiting === 0) return;
    for (const member of this.#land(flight)) {
      if (error) this.#fail(member, error, error.code === "UNAVAILABLE" ? "REJECTED" : "BACKEND");
      else this.#share(member, responses);
    }
  }

  #keep({ key, epoch }: Flight, response: InferenceResponse, lookupMs: number): void {
    const { cache, statistics, log, modelName } = this.#options;
    const began = this.#clock.now();
    // A model of an ensemble that was replaced meanwhile may have had its part in the response.
    const current = !this.#stopped && this.#options.epoch() === epoch;
    const insertion = current ? cache.insert(key, response, this) : "skipped";
    statistics.cacheMiss.add(lookupMs + this.#clock.now() - began);
    if (insertion !== "too large" || this.#complained) return;
    this.#complained = true;
    log.error(
      `${modelName}: a response is larger than the whole response cache and is not kept; this is said once. Give the ` +
        "cache more bytes, or turn the model's response_cache off",
    );
  }

  #share({ request, sink, enqueuedAt, lookupMs }: Member, responses: readonly InferenceResponse[]): void {
    const { statistics } = this.#options;
    const now = this.#clock.now();
    const queueMs = now - enqueuedAt - lookupMs;
    statistics.requestServedFromCache(now - request.receivedAt, queueMs, lookupMs);
    request.spent?.add(queueMs, NO_TIME);
    for (const response of responses) {
      sink.respond(request.id === response.id ? response : { ...response, id: request.id });
    }
    sink.finish();
  }

  #hit(request: InferenceRequest, sink: ResponseSink, found: CachedResponse, queueMs: number, lookupMs: number): void {
    const { modelName, modelVersion, statistics } = this.#options;
    statistics.requestServedFromCache(this.#clock.now() - request.receivedAt, queueMs, lookupMs);
    sink.respond({ modelName, modelVersion, id: request.id, parameters: found.parameters, outputs: found.outputs });
    sink.finish();
  }

  #fail({ request, sink }: Pick<Member, "request" | "sink">, error: Status, reason: FailureReason): void {
    this.#options.statistics.requestFailed(this.#clock.now() - request.receivedAt, reason);
    sink.finish(error);
  }
}

function flightName(key: string, { priority, timeoutMicros }: InferenceRequest): string {
  return priority === 0 && timeoutMicros === 0 ? key : `${key} ${priority} ${timeoutMicros}`;
}
