import { resourceGlobalAndLocal, resourceTooSmall } from "../../core/errors/rate_limiter.ts";

/** How much there is of a resource: `--rate-limit-resource`. */
export interface ResourceCount {
  readonly name: string;
  readonly count: number;
  /** Undefined for every device. */
  readonly device?: number;
}

/** What one execution needs of a resource. */
export interface ResourceNeed {
  readonly name: string;
  readonly count: number;
  /** There is one for all devices; otherwise each device has its own. */
  readonly global: boolean;
}

/** The needs of one instance, by the resource on its device. */
export type Needs = ReadonlyMap<string, number>;

/** A resource on a device, or the global one. */
interface Resource {
  readonly name: string;
  /** Undefined for a global resource. */
  readonly device: number | undefined;
  /** The needs of every instance group that asks for it. */
  readonly needs: number[];
  taken: number;
}

/**
 * Counts resources: what there is, what executions hold, what is left. Unless options say how much there is, there is as
 * much as the instance that needs most; with any such option, what is not named is not there, as in Triton.
 */
export class Resources {
  readonly #resources = new Map<string, Resource>();

  constructor(private readonly given: readonly ResourceCount[]) {}

  /**
   * Makes the needs of an instance group known.
   *
   * @returns the needs of one of its instances; a resource that is named twice counts as written last.
   * @throws Status INVALID_ARGUMENT where there will never be enough; nothing is known then.
   */
  add(group: string, device: number, needs: readonly ResourceNeed[]): Needs {
    const known = new Map(needs.map((need) => [keyOf(need, device), need]));
    for (const [key, need] of known) this.#check(group, key, need, device);
    for (const [key, { name, count, global }] of known) {
      let resource = this.#resources.get(key);
      if (!resource) {
        resource = { name, device: global ? undefined : device, needs: [], taken: 0 };
        this.#resources.set(key, resource);
      }
      resource.needs.push(count);
    }
    return new Map([...known].map(([key, { count }]) => [key, count]));
  }

  /** Undoes {@link add}. */
  remove(needs: Needs): void {
    for (const [key, count] of needs) {
      const resource = this.#resources.get(key)!;
      resource.needs.splice(resource.needs.indexOf(count), 1);
      if (resource.needs.length === 0 && resource.taken === 0) this.#resources.delete(key);
    }
  }

  /** True if all of that is free. */
  free(needs: Needs): boolean {
    for (const [key, count] of needs) {
      const resource = this.#resources.get(key)!;
      if (resource.taken + count > this.#available(resource)) return false;
    }
    return true;
  }

  take(needs: Needs): void {
    for (const [key, count] of needs) this.#resources.get(key)!.taken += count;
  }

  giveBack(needs: Needs): void {
    for (const [key, count] of needs) this.#resources.get(key)!.taken -= count;
  }

  #check(group: string, key: string, { name, count, global }: ResourceNeed, device: number): void {
    for (const [other, resource] of this.#resources) {
      if (other !== key && resource.name === name && (resource.device === undefined) !== global) {
        throw resourceGlobalAndLocal(name, group);
      }
    }
    if (this.given.length === 0) return;
    const available = this.#given(name, global ? undefined : device);
    const where = global ? "for all devices together" : `on device ${device}`;
    if (available < count) throw resourceTooSmall(name, where, available, group, count);
  }

  #available({ name, device, needs }: Resource): number {
    return this.given.length > 0 ? this.#given(name, device) : Math.max(...needs);
  }

  #given(name: string, device: number | undefined): number {
    let most = 0;
    for (const given of this.given) {
      const here = device === undefined || given.device === undefined || given.device === device;
      if (given.name === name && here) most = Math.max(most, given.count);
    }
    return most;
  }
}

function keyOf({ name, global }: ResourceNeed, device: number): string {
  return global ? name : `${device} ${name}`;
}
