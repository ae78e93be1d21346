import {
  loadFailed,
  modelInSeveralRepositories,
  modelNotInRepository,
  noVersionAvailable,
  pollFailed,
  versionFailure,
} from "../core/errors/repository.ts";
import { explicitLoadNotAllowed } from "../core/errors/wire.ts";
import { Status } from "../core/status.ts";
import { Drain } from "./drain.ts";
import { dependenciesOf, Ensembles, isEnsemble } from "./ensemble/ensembles.ts";
import { pollWithDependencies } from "./ensemble/poll_dependencies.ts";
import { type LoadOptions, ModelLoader } from "./load.ts";
import { findSlowly, nearestName } from "./lookup.ts";
import type { IndexEntry, Model, Repository } from "./model.ts";
import { type EntryHost, ModelEntry } from "./model_entry.ts";
import { pollModel, type PollOptions } from "./poll.ts";
import type { PolledModel } from "./polled_model.ts";
import { logChange, type RepositoryEvent } from "./repository_event.ts";
import { scanRepositories } from "./scan.ts";
import type { ServedModel } from "./served_model.ts";
import type { Reconciler, RepositorySource } from "./source.ts";
import { UNLOADED, type VersionRecord } from "./version_record.ts";

/** What a repository is made from. */
export interface RepositoryOptions extends LoadOptions, Omit<PollOptions, "warn"> {
  /** `--model-repository`, in order. */
  readonly roots: readonly string[];
  readonly source: RepositorySource;
}

/**
 * All models that this server knows. A source says which of them are wanted; the entries load and unload until that is
 * so. Errors of single models are kept in the index and never stop the others.
 */
export class ModelRepository implements Repository {
  readonly #options: RepositoryOptions;
  readonly #loader: ModelLoader;
  readonly #entries = new Map<string, ModelEntry>();
  readonly #ensembles: Ensembles;
  readonly #drain: Drain;
  /** Models that were asked for by their names, not only because an ensemble runs them. */
  readonly #named = new Set<string>();
  readonly #listeners = new Set<(event: RepositoryEvent) => void>();
  #stopped = false;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#drain = new Drain(options.clock, options.log);
    this.#loader = new ModelLoader(options, (name, version) => this.#served(name, version));
    this.#ensembles = new Ensembles(this.#entries, options.log);
  }

  /**
   * Starts the source and resolves when what it wants at start is served or has failed; see {@link failures}.
   *
   * @throws Status INTERNAL for a repository that does not exist.
   */
  start(): Promise<void> {
    return this.#options.source.start(this.#reconciler);
  }

  /** Calls `listener` at each change of a version, until the returned function is called. */
  subscribe(listener: (event: RepositoryEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  find(name: string, version: string): Model {
    const entry = this.#entries.get(name);
    const found = version === "" ? entry?.latest : entry?.byText.get(version);
    return found ?? findSlowly(entry, name, version, this.#entries.keys());
  }

  readyVersions(name: string): readonly Model[] {
    return this.#entries.get(name)?.ready ?? [];
  }

  readyModels(): readonly Model[] {
    return this.#sorted().flatMap((entry) => entry.ready);
  }

  index(): readonly IndexEntry[] {
    return this.#sorted().flatMap((entry) => entry.index());
  }

  allReady(): boolean {
    for (const entry of this.#entries.values()) if (!entry.allReady) return false;
    return true;
  }

  /** Models and versions that are wanted and could not be served, with their reasons. */
  failures(): readonly IndexEntry[] {
    return this.index().filter(({ state, reason }) => state === "UNAVAILABLE" && reason !== UNLOADED);
  }

  /**
   * Serves a model on a client's request, read anew from its repository.
   *
   * @throws Status UNAVAILABLE where the source does not allow it, else INVALID_ARGUMENT with the reason of the failure.
   */
  async load(name: string): Promise<void> {
    if (!this.#options.source.explicit) throw explicitLoadNotAllowed();
    await this.#serve([name]);
    const entry = this.#entries.get(name);
    if (!entry) {
      const names = [...(await scanRepositories(this.#options.roots)).keys()];
      throw modelNotInRepository(name, this.#options.roots, nearestName(name, names));
    }
    const { failure, loadErrors } = entry;
    if (failure) {
      if (entry.blocked) throw loadFailed(name, `${failure.message}\n`);
      const withoutVersions = entry.wanted?.versions.length === 0;
      throw withoutVersions ? loadFailed(name, `${failure.message}\n`) : pollFailed(name, failure.message);
    }
    if (loadErrors.size > 0) {
      throw loadFailed(
        name,
        [...loadErrors].map(([version, error]) => versionFailure(version, error.spelled)).join(""),
      );
    }
  }

  /**
   * Stops serving a model on a client's request; a name that is not served is no error.
   *
   * @param dependents also the models that only this ensemble runs, and that nobody has loaded by their names.
   * @throws Status UNAVAILABLE where the source does not allow it.
   */
  async unload(name: string, dependents = false): Promise<void> {
    if (!this.#options.source.explicit) throw explicitLoadNotAllowed();
    await this.#retire(dependents ? [name, ...this.#ensembles.runOnlyBy(name, this.#named)] : [name]);
  }

  /** The server is about to stop: what has been taken is not kept waiting for larger batches any more. */
  hurry(): void {
    for (const { scheduler } of this.readyModels()) scheduler.hurry?.();
  }

  /**
   * The server is about to stop: no sequence begins any more, and those that have begun may go on to their end, or until
   * they have been silent for too long. Meanwhile models that have no part in any sequence take no requests.
   *
   * @param timeoutMs how long to wait for them.
   */
  finishSequences(timeoutMs: number): Promise<void> {
    return this.#drain.finishSequences(this.#sorted().flatMap((entry) => entry.ready), timeoutMs);
  }

  /**
   * Ends all service: no new requests, then what runs is finished and every model unloaded.
   *
   * @param timeoutMs how long to wait for what runs.
   * @returns false if something was still running when the time was up; it is left behind then.
   */
  async close(timeoutMs: number): Promise<boolean> {
    this.#stopped = true;
    this.#options.source.stop();
    this.#ensembles.close();
    this.hurry();
    let cancel = () => {};
    const timeUp = new Promise<boolean>((resolve) => {
      cancel = this.#options.clock.after(timeoutMs, () => {
        this.#drain.abandon();
        resolve(false);
      });
    });
    const closed = await Promise.race([timeUp, this.#unloadAll()]);
    cancel();
    return closed;
  }

  async #unloadAll(): Promise<boolean> {
    await this.#drain.stop(this.#sorted().flatMap((entry) => entry.ready));
    if (this.#drain.abandoned) return false;
    await Promise.all([...this.#entries.values()].map(async (entry) => {
      await entry.want(undefined);
      await entry.settled();
    }));
    return !this.#drain.abandoned;
  }

  readonly #reconciler: Reconciler = {
    scan: async () => {
      const found = await scanRepositories(this.#options.roots);
      for (const name of found.keys()) this.#know(name);
      return [...found.keys()].sort();
    },
    serve: (names) => this.#serve(names),
    retire: (names) => this.#retire(names),
  };

  readonly #host: EntryHost = {
    load: (model, versions) => this.#loader.load(model, versions),
    release: (model) => this.#drain.release(model),
    changed: (entry, record) => this.#changed(entry, record),
  };

  #know(name: string): ModelEntry {
    let entry = this.#entries.get(name);
    if (!entry) {
      entry = new ModelEntry(name, this.#host);
      this.#entries.set(name, entry);
    }
    return entry;
  }

  async #serve(names: readonly string[]): Promise<void> {
    for (const name of names) this.#named.add(name);
    const found = await scanRepositories(this.#options.roots);
    const polled = await pollWithDependencies(names, async (name) => {
      const directories = found.get(name);
      if (directories) return await this.#poll(this.#know(name), directories);
      if (names.includes(name)) await this.#missing(name);
    });
    if (this.#stopped) return;
    const serving = new Map<string, Promise<void>>();
    for (const model of polled.values()) this.#serveAfterDependencies(model, polled, serving);
    await Promise.all(serving.values());
    await this.#ensembles.settled();
  }

  /** Reads one model; if it cannot be read, its entry says why. */
  async #poll(entry: ModelEntry, directories: readonly string[]): Promise<PolledModel | undefined> {
    const { log } = this.#options;
    const ambiguous = directories.length > 1;
    try {
      if (ambiguous) throw modelInSeveralRepositories();
      const warn = (message: string) => log.warning(message);
      return await pollModel(directories[0], { ...this.#options, warn });
    } catch (thrown) {
      // A model that serves goes on with what it had.
      entry.failure = Status.from(thrown);
      entry.unread = !ambiguous;
      entry.blocked = false;
      log.error(`Poll failed for model directory '${entry.name}': ${entry.failure.message}`);
    }
  }

  /** Serves a model, an ensemble once its own have been served or have failed. */
  #serveAfterDependencies(
    model: PolledModel,
    polled: ReadonlyMap<string, PolledModel>,
    serving: Map<string, Promise<void>>,
  ): Promise<void> {
    const begun = serving.get(model.name);
    if (begun) return begun;
    if (!isEnsemble(model)) {
      const served = this.#serveOne(model);
      serving.set(model.name, served);
      return served;
    }
    this.#ensembles.expect(model);
    // Until this one is known, a circle of ensembles comes back here and goes no further round.
    serving.set(model.name, Promise.resolve());
    const dependencies = dependenciesOf(model.config).flatMap((name) => polled.get(name) ?? [])
      .map((dependency) => this.#serveAfterDependencies(dependency, polled, serving));
    const served = Promise.all(dependencies).then(() => this.#ensembles.ask(model));
    serving.set(model.name, served);
    return served;
  }

  async #serveOne(model: PolledModel): Promise<void> {
    const entry = this.#know(model.name);
    // What was an ensemble may have become something else.
    this.#ensembles.forget(model.name);
    entry.unread = false;
    entry.blocked = false;
    entry.failure = model.versions.length === 0 ? noVersionAvailable(entry.name) : undefined;
    if (entry.failure) this.#options.log.error(`failed to load '${entry.name}': ${entry.failure.message}`);
    await entry.want(model);
  }

  /** @throws Status where there is no such READY version. */
  #served(name: string, version: number | undefined): ServedModel {
    const entry = this.#entries.get(name);
    const found = version === undefined ? entry?.latest : entry?.byText.get(String(version));
    return found ?? findSlowly(entry, name, version === undefined ? "" : String(version), this.#entries.keys());
  }

  /** A name that is in no repository any more: what is left of the model goes, and with it its entry. */
  async #missing(name: string): Promise<void> {
    const { log, roots } = this.#options;
    log.error(modelNotInRepository(name, roots, undefined).message);
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    this.#named.delete(name);
    this.#ensembles.forget(name);
    await entry?.want(undefined);
  }

  async #retire(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => {
      const entry = this.#entries.get(name);
      if (entry) entry.failure = undefined;
      this.#ensembles.forget(name);
      this.#named.delete(name);
      return entry?.want(undefined);
    }));
    await this.#ensembles.settled();
  }

  #changed({ name }: ModelEntry, { version, status }: VersionRecord): void {
    const event = logChange(this.#options.log, name, version, status);
    for (const listener of this.#listeners) listener(event);
    if (status.state !== "LOADING") this.#ensembles.changed(name);
  }

  #sorted(): ModelEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }
}
