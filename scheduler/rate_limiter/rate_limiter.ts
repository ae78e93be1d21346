import type { Execution, ModelInstance } from "../../backends/backend.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { type Needs, type ResourceCount, type ResourceNeed, Resources } from "./resources.ts";

/** What an instance group asks of the rate limiter. */
export interface GroupLimits {
  readonly name: string;
  readonly device: number;
  readonly needs: readonly ResourceNeed[];
  /** Larger is less urgent; 0 is 1. */
  readonly priority: number;
}

/** Who hands executions to instances, one at a time to any of them, and has those staged that it cannot have yet. */
export interface Waiter {
  /** Called when one of its staged instances may execute. */
  onGrant(): void;
}

/** What an instance has executed before it was idle for so long does not count any more. */
const IDLE_MS = 1000;

/**
 * Shares resources between the instances of all models: an instance executes only while it holds what it needs.
 *
 * An instance that has work and cannot execute is staged. Staged instances are ordered by executions × priority, lowest
 * first, then by who came first; the first that wants a resource gets it before any other does, and keeps it until its
 * execution has ended. Other than in Triton an instance holds back only those that want one of the same resources: what a
 * slow model has no part in goes on; and one that is new, or was idle, begins where those are that it shares resources
 * with: it does not come before all others for as long as it takes to catch up with them.
 */
export class RateLimiter {
  readonly #resources: Resources;
  readonly #staged = new Set<InstanceLimit>();
  readonly #known = new Set<InstanceLimit>();
  #arrivals = 0;
  #offering = false;

  /** @param given `--rate-limit-resource`. */
  constructor(given: readonly ResourceCount[] = [], private readonly clock: Clock = systemClock) {
    this.#resources = new Resources(given);
  }

  /**
   * Makes the instance groups of a model version known, before it is loaded.
   *
   * @throws Status INVALID_ARGUMENT where an instance could never run.
   */
  register(groups: readonly GroupLimits[]): Registration {
    const added: Needs[] = [];
    const limits = new Map<string, { readonly needs: Needs; readonly priority: number }>();
    try {
      for (const { name, device, needs, priority } of groups) {
        if (needs.length === 0) continue;
        const all = this.#resources.add(name, device, needs);
        added.push(all);
        limits.set(name, { needs: all, priority: Math.max(1, priority) });
      }
    } catch (thrown) {
      for (const needs of added) this.#resources.remove(needs);
      throw thrown;
    }
    const members: InstanceLimit[] = [];
    return {
      limit: (instance) => {
        const group = limits.get(instance.group);
        if (!group) return instance;
        const limit = new InstanceLimit(this, group.needs, group.priority);
        this.#known.add(limit);
        members.push(limit);
        return new LimitedInstance(instance, limit);
      },
      remove: () => {
        for (const limit of members) {
          this.#known.delete(limit);
          this.#staged.delete(limit);
        }
        for (const needs of added.splice(0)) this.#resources.remove(needs);
        this.#offerSoon();
      },
    };
  }

  /** True if the instance may execute now: its resources are free, and no one before it wants one of them. */
  admits(limit: InstanceLimit): boolean {
    if (!this.#resources.free(limit.needs)) return false;
    for (const other of this.#staged) {
      if (other.waiter !== limit.waiter && before(other, limit) && sharesNeed(other, limit)) return false;
    }
    return true;
  }

  /** Has the instance wait its turn. */
  stage(limit: InstanceLimit): void {
    if (this.#staged.has(limit)) return;
    this.#wake(limit);
    limit.arrival = ++this.#arrivals;
    this.#staged.add(limit);
  }

  /** Ends the waiting of a waiter that has nothing to execute any more: others may go on at once. */
  withdraw(waiter: Waiter): void {
    this.#leave(waiter);
    this.#offerSoon();
  }

  begin(limit: InstanceLimit): void {
    this.#wake(limit);
    limit.executing++;
    this.#resources.take(limit.needs);
    this.#leave(limit.waiter);
  }

  end(limit: InstanceLimit): void {
    this.#resources.giveBack(limit.needs);
    limit.executing--;
    limit.executions++;
    limit.lastEnd = this.clock.now();
    this.#offerSoon();
  }

  /** Puts an instance that was idle where the first of those is that it shares resources with and that were not. */
  #wake(limit: InstanceLimit): void {
    const since = this.clock.now() - IDLE_MS;
    if (limit.busySince(since)) return;
    let least = Infinity;
    for (const other of this.#known) {
      if (other.rank < least && other.busySince(since) && sharesNeed(other, limit)) least = other.rank;
    }
    if (least !== Infinity) limit.executions = Math.floor(least / limit.priority);
  }

  #offerSoon(): void {
    if (this.#offering || this.#staged.size === 0) return;
    this.#offering = true;
    // Who gave the resources back goes on first: nothing of another model runs in the middle of its end.
    queueMicrotask(() => {
      this.#offering = false;
      this.#offer();
    });
  }

  /** Tells those that may execute, in order, until nothing is left for them. */
  #offer(): void {
    for (let limit = this.#first(); limit; limit = this.#first()) {
      const { arrival } = limit;
      limit.waiter?.onGrant();
      // Its work may have gone meanwhile, by cancellation say; then it does not stand in the way.
      if (limit.arrival === arrival) this.#leave(limit.waiter);
    }
  }

  /** The first staged instance that may execute. */
  #first(): InstanceLimit | undefined {
    if (this.#staged.size === 0) return undefined;
    const ordered = [...this.#staged].sort((a, b) => before(a, b) ? -1 : 1);
    return ordered.find((limit) => this.admits(limit));
  }

  /** Ends the waiting of all instances of a waiter: they were staged for one execution, whoever takes it. */
  #leave(waiter: Waiter | undefined): void {
    for (const limit of this.#staged) {
      if (limit.waiter !== waiter) continue;
      limit.arrival = Infinity;
      this.#staged.delete(limit);
    }
  }
}

/** The instance groups of one model version, known to a rate limiter until {@link remove}. */
export interface Registration {
  /** The instance as schedulers are to have it. */
  limit(instance: ModelInstance): ModelInstance;
  remove(): void;
}

/** What the rate limiter knows of one instance. */
export class InstanceLimit {
  /** Set by who hands executions to the instance. */
  waiter: Waiter | undefined;
  /** Its place among those that are staged, behind all of them while it is not. */
  arrival = Infinity;
  /** Executions that were, or count as if they had been. */
  executions = 0;
  /** How many are. */
  executing = 0;
  /** `Clock.now()` when the last one ended. */
  lastEnd = -Infinity;

  constructor(private readonly limiter: RateLimiter, readonly needs: Needs, readonly priority: number) {}

  /** True if it has executed, or waited to, since a time. */
  busySince(time: number): boolean {
    return this.executing > 0 || this.arrival !== Infinity || this.lastEnd > time;
  }

  /** Lower comes first. */
  get rank(): number {
    return this.executions * this.priority;
  }

  /** True if it may execute now. */
  get admitted(): boolean {
    return this.limiter.admits(this);
  }

  /** Has it wait its turn: its waiter hears of it. */
  stage(): void {
    this.limiter.stage(this);
  }

  /** True while it waits. */
  get staged(): boolean {
    return this.arrival !== Infinity;
  }

  /** Nothing waits for it, nor for any other instance of its waiter. */
  withdraw(): void {
    if (this.waiter) this.limiter.withdraw(this.waiter);
  }

  begin(): void {
    this.limiter.begin(this);
  }

  end(): void {
    this.limiter.end(this);
  }
}

/** An instance that executes only while it holds its resources. */
export class LimitedInstance implements ModelInstance {
  constructor(private readonly inner: ModelInstance, readonly limit: InstanceLimit) {}

  get name(): string {
    return this.inner.name;
  }

  get group(): string {
    return this.inner.group;
  }

  get passive(): boolean {
    return this.inner.passive;
  }

  /** An execution that is handed over early would hold resources while another one runs. */
  get capacity(): number {
    return Math.min(1, this.inner.capacity);
  }

  get available(): boolean {
    return this.inner.available;
  }

  get gone(): boolean | undefined {
    return this.inner.gone;
  }

  get onAvailable(): () => void {
    return this.inner.onAvailable;
  }

  set onAvailable(callback: () => void) {
    this.inner.onAvailable = callback;
  }

  execute(execution: Execution): void {
    this.inner.execute(execution);
  }
}

function before(one: InstanceLimit, other: InstanceLimit): boolean {
  return one.rank - other.rank < 0 || one.rank === other.rank && one.arrival < other.arrival;
}

function sharesNeed(one: InstanceLimit, other: InstanceLimit): boolean {
  for (const key of one.needs.keys()) if (other.needs.has(key)) return true;
  return false;
}
