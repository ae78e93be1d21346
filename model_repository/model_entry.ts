import type { Status } from "../core/status.ts";
import type { IndexEntry } from "./model.ts";
import { planReconcile } from "./plan.ts";
import type { PolledModel } from "./polled_model.ts";
import { ServedModel } from "./served_model.ts";
import { UNLOADED, VersionRecord } from "./version_record.ts";

/** How an entry gets versions loaded and rid of. */
export interface EntryHost {
  /** Loads versions, all of them before it resolves; never rejects. */
  load(model: PolledModel, versions: readonly number[]): Promise<ReadonlyMap<number, ServedModel | Status>>;
  /** Waits for what runs on a retired version, then gives everything back; never rejects. */
  release(model: ServedModel): Promise<void>;
  changed(entry: ModelEntry, record: VersionRecord): void;
}

/** One model name of the repository: what is wanted of it, what there is, and the loop that makes these agree. */
export class ModelEntry {
  /**
   * Why it is not served, where its versions do not tell: its configuration cannot be read, its name is not unique, or it is
   * an ensemble whose models are not there or do not fit.
   */
  failure: Status | undefined = undefined;
  /** True if that is because its configuration could not be read, or is {@link blocked}. */
  unread = false;
  /** True for an ensemble that its models do not let serve. */
  blocked = false;
  /** Why versions failed in the last load; a version that failed to reload still serves what it had. */
  loadErrors: ReadonlyMap<number, Status> = new Map();
  /** The highest READY version. */
  latest: ServedModel | undefined = undefined;
  /** READY versions, ascending. */
  ready: readonly ServedModel[] = [];
  /** READY versions by their number as requests write it. */
  readonly byText: Map<string, ServedModel> = new Map();
  readonly records: Map<number, VersionRecord> = new Map();

  #wanted: PolledModel | undefined = undefined;
  #dirty = false;
  #reconciling: Promise<void> | undefined = undefined;
  readonly #releasing = new Set<Promise<void>>();

  constructor(readonly name: string, private readonly host: EntryHost) {}

  /** What is to be served; undefined for nothing. */
  get wanted(): PolledModel | undefined {
    return this.#wanted;
  }

  /** Sets what is to be served and resolves when that is so, or has failed; a later call overtakes an earlier one. */
  want(model: PolledModel | undefined): Promise<void> {
    this.#wanted = model;
    this.#dirty = true;
    this.#reconciling ??= this.#reconcile();
    return this.#reconciling;
  }

  /** Resolves when nothing is being loaded or released any more. */
  async settled(): Promise<void> {
    while (this.#reconciling || this.#releasing.size > 0) await Promise.all([this.#reconciling, ...this.#releasing]);
  }

  /** True while a version is being loaded and none serves. */
  get loading(): boolean {
    if (this.latest) return false;
    for (const { status } of this.records.values()) if (status.state === "LOADING") return true;
    return false;
  }

  /** True if every version is READY or was unloaded on purpose. */
  get allReady(): boolean {
    if (this.#wanted === undefined) return true;
    for (const record of this.records.values()) if (!record.ready && !record.unloaded) return false;
    return true;
  }

  index(): IndexEntry[] {
    const { name, failure } = this;
    if (this.records.size === 0) {
      if (!failure) return [{ name }];
      return [{ name, state: "UNAVAILABLE", reason: failure.message, ...(this.unread ? { unread: true } : {}) }];
    }
    const records = [...this.records.values()].sort((a, b) => a.version - b.version);
    return records.map(({ version, status }) => {
      const { state } = status;
      if (status.state === "UNAVAILABLE") return { name, version, state, reason: status.reason };
      if (status.state !== "READY") return { name, version, state };
      return { name, version, state, device: status.model.loaded.device, note: status.model.loaded.note };
    });
  }

  async #reconcile(): Promise<void> {
    try {
      while (this.#dirty) {
        this.#dirty = false;
        await this.#pass();
      }
    } finally {
      this.#reconciling = undefined;
    }
  }

  async #pass(): Promise<void> {
    const wanted = this.#wanted;
    const { load, unload } = planReconcile(wanted, this.records);
    if (wanted && load.length > 0) {
      for (const version of load) this.#begin(version);
      const results = await this.host.load(wanted, load);
      if (this.#wanted === wanted) this.#publish(wanted, results);
      else this.#discard(results);
    }
    if (this.#wanted !== wanted) return;
    for (const version of unload) this.#retire(this.records.get(version)!);
    for (const record of this.records.values()) {
      if (record.lost && !wanted?.versions.includes(record.version)) {
        record.become({ state: "UNAVAILABLE", reason: UNLOADED });
      }
    }
  }

  #begin(version: number): void {
    let record = this.records.get(version);
    if (!record) {
      record = new VersionRecord(version, (changed) => this.#changed(changed));
      this.records.set(version, record);
    }
    if (!record.ready) record.become({ state: "LOADING" });
  }

  /** Puts what was loaded into service, unless one of the versions failed: then none of them is, as in Triton. */
  #publish(wanted: PolledModel, results: ReadonlyMap<number, ServedModel | Status>): void {
    const errors = new Map<number, Status>();
    for (const [version, result] of results) if (!(result instanceof ServedModel)) errors.set(version, result);
    this.loadErrors = errors;
    for (const [version, result] of results) {
      const record = this.records.get(version)!;
      // What served until now may have been lost meanwhile.
      if (record.status.state === "UNAVAILABLE") record.become({ state: "LOADING" });
      const old = record.ready;
      record.revision = wanted.revisions.get(version);
      if (!(result instanceof ServedModel)) {
        if (!old) record.become({ state: "UNAVAILABLE", reason: result.spelled });
      } else if (errors.size > 0) {
        if (!old) record.become({ state: "UNAVAILABLE", reason: UNLOADED });
        this.#release(result);
      } else {
        record.become({ state: "READY", model: result });
        result.loaded.lost?.then((reason) => this.#lose(record, result, reason));
        if (old) {
          old.retire(result);
          this.#release(old);
        }
      }
    }
  }

  /** Ends the service of a version that has nothing left to run on, until it is loaded anew. */
  #lose(record: VersionRecord, model: ServedModel, lost: Status): void {
    if (record.ready !== model) return;
    record.become({ state: "UNAVAILABLE", reason: lost.spelled, lost });
    model.retire(undefined);
    this.#release(model);
  }

  /** Throws away what was loaded for a wish that is no longer there. */
  #discard(results: ReadonlyMap<number, ServedModel | Status>): void {
    for (const [version, result] of results) {
      const record = this.records.get(version)!;
      if (record.status.state === "LOADING") record.become({ state: "UNAVAILABLE", reason: UNLOADED });
      if (result instanceof ServedModel) this.#release(result);
    }
  }

  #retire(record: VersionRecord): void {
    const model = record.ready;
    // It may have been lost while other versions loaded.
    if (!model) return;
    record.become({ state: "UNLOADING", model });
    model.retire(undefined);
    this.#release(model, () => {
      // A load that came meanwhile has taken the record over.
      const { status } = record;
      if (status.state === "UNLOADING" && status.model === model) {
        record.become({ state: "UNAVAILABLE", reason: UNLOADED });
      }
    });
  }

  #release(model: ServedModel, then: () => void = () => {}): void {
    const releasing = this.host.release(model).then(then).finally(() => this.#releasing.delete(releasing));
    this.#releasing.add(releasing);
  }

  #changed(record: VersionRecord): void {
    const ready: ServedModel[] = [];
    this.byText.clear();
    for (const { ready: model } of [...this.records.values()].sort((a, b) => a.version - b.version)) {
      if (!model) continue;
      ready.push(model);
      this.byText.set(String(model.version), model);
    }
    this.ready = ready;
    this.latest = ready.at(-1);
    this.host.changed(this, record);
  }
}
