import {
  circularDependency,
  dependenciesMissing,
  dependencyNotLoaded,
  dependencyVersionNotLoaded,
  ensembleWaits,
} from "../../core/errors/ensemble.ts";
import { noVersionAvailable, versionFailure } from "../../core/errors/repository.ts";
import { Status } from "../../core/status.ts";
import type { Log } from "../../observability/log.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import type { ModelEntry } from "../model_entry.ts";
import type { PolledModel } from "../polled_model.ts";
import type { ServedModel } from "../served_model.ts";
import { UNLOADED } from "../version_record.ts";
import { describeEnsemble, stepsOf, versionOf } from "./describe.ts";

/** True for an ensemble. */
export function isEnsemble({ config }: PolledModel): boolean {
  return config.schedulingChoice.case === "ensembleScheduling";
}

/** Names of the models that a model runs: those of an ensemble's steps, each once. */
export function dependenciesOf(config: ModelConfig): string[] {
  return [...new Set(stepsOf(config).map(({ modelName }) => modelName))];
}

/**
 * The ensembles that are asked for. Whenever a model that one of them runs changes, it is judged anew: it is served as long
 * as all of its models are there and fit, and says why where it is not.
 */
export class Ensembles {
  readonly #asked = new Map<string, PolledModel>();
  readonly #work = new Set<Promise<void>>();
  /** Names of models that have changed since the last look. */
  #changed: Set<string> | undefined;
  #closed = false;

  /** @param entries all models of the repository. */
  constructor(private readonly entries: ReadonlyMap<string, ModelEntry>, private readonly log: Log) {}

  /** Asks for an ensemble; resolves when it serves, or cannot. */
  ask(model: PolledModel): Promise<void> {
    this.#asked.set(model.name, model);
    return this.#judge(model.name);
  }

  /** Notes that an ensemble will be asked for when its models have been loaded; until then it says that it waits. */
  expect(model: PolledModel): void {
    this.#asked.set(model.name, model);
    const entry = this.entries.get(model.name)!;
    if (entry.ready.length === 0) this.#block(entry, ensembleWaits(model.name, dependenciesOf(model.config)));
  }

  /** Asks no longer for an ensemble; what becomes of it is up to the caller. */
  forget(name: string): void {
    this.#asked.delete(name);
  }

  /** To be told that versions of a model have come or gone. */
  changed(name: string): void {
    if (this.#closed || this.#asked.size === 0) return;
    if (this.#changed) {
      this.#changed.add(name);
      return;
    }
    this.#changed = new Set([name]);
    // Several versions of a model change together: one look afterwards is enough.
    this.#track(Promise.resolve().then(() => this.#judgeDependents()));
  }

  /** Resolves when no ensemble is being judged, loaded or unloaded. */
  async settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Judges nothing any more. */
  close(): void {
    this.#closed = true;
  }

  /**
   * The models that an ensemble runs and no other one does, those of ensembles within it included.
   *
   * @param kept names that are not to be among them.
   */
  runOnlyBy(name: string, kept: ReadonlySet<string>): string[] {
    const found = new Set([name]);
    for (const each of found) {
      const model = this.#asked.get(each);
      for (const dependency of model ? dependenciesOf(model.config) : []) {
        const others = [...this.#asked.values()].some((other) =>
          !found.has(other.name) && dependenciesOf(other.config).includes(dependency)
        );
        if (!others && !kept.has(dependency)) found.add(dependency);
      }
    }
    found.delete(name);
    return [...found];
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  #judgeDependents(): void {
    const changed = this.#changed!;
    this.#changed = undefined;
    for (const model of this.#asked.values()) {
      if (dependenciesOf(model.config).some((name) => changed.has(name))) this.#track(this.#judge(model.name));
    }
  }

  async #judge(name: string): Promise<void> {
    const model = this.#asked.get(name);
    const entry = this.entries.get(name);
    if (!model || !entry || this.#closed) return;
    const obstacle = this.#obstacle(model);
    if (obstacle) {
      this.#block(entry, obstacle);
      await entry.want(undefined);
      return;
    }
    if (entry.blocked) {
      entry.blocked = false;
      entry.unread = false;
    }
    entry.failure = model.versions.length === 0 ? noVersionAvailable(name) : undefined;
    await entry.want(this.#withDependencies(model, entry));
  }

  #block(entry: ModelEntry, obstacle: Status): void {
    const news = entry.failure?.message !== obstacle.message;
    const waits = obstacle.code === "UNAVAILABLE";
    const waited = entry.blocked && entry.failure?.code === "UNAVAILABLE";
    entry.failure = obstacle;
    entry.blocked = true;
    entry.unread = true;
    if (!news) return;
    if (waits) {
      if (!waited) this.log.info(obstacle.message);
    } else this.log.error(`failed to load '${entry.name}': ${obstacle.message}`);
    this.changed(entry.name);
  }

  /** Why an ensemble cannot be served; undefined if it can. */
  #obstacle(model: PolledModel): Status | undefined {
    const { name, config } = model;
    const last = this.#circle(model);
    if (last !== undefined) return circularDependency(name, last);
    const names = dependenciesOf(model.config);
    const waiting = names.filter((name) => this.#isLoading(this.entries.get(name)));
    if (waiting.length > 0) return ensembleWaits(name, waiting);
    const missing = names.filter((name) => isMissing(this.entries.get(name)));
    if (missing.length > 0) return dependenciesMissing(name, missing);
    const models: ServedModel[] = [];
    for (const step of stepsOf(config)) {
      const entry = this.entries.get(step.modelName)!;
      if (!entry.latest) return dependencyNotLoaded(name, entry.name, whyNotLoaded(entry));
      const version = versionOf(step);
      const found = version === undefined ? entry.latest : entry.byText.get(String(version));
      if (!found) return dependencyVersionNotLoaded(name, entry.name, version!);
      models.push(found);
    }
    try {
      describeEnsemble(config, models.map(({ config }) => config));
    } catch (thrown) {
      return Status.from(thrown);
    }
  }

  #isLoading(entry: ModelEntry | undefined): boolean {
    if (!entry || entry.latest) return false;
    return entry.loading || entry.failure?.code === "UNAVAILABLE" && entry.blocked;
  }

  /** The ensemble that closes a circle back to `model`; undefined without one. */
  #circle(model: PolledModel): string | undefined {
    const seen = new Set<PolledModel>([model]);
    for (const each of seen) {
      for (const name of dependenciesOf(each.config)) {
        if (name === model.name) return each.name;
        const next = this.#asked.get(name);
        if (next) seen.add(next);
      }
    }
  }

  /** The model as an entry takes it: made from its own files and from the models that it runs. */
  #withDependencies(model: PolledModel, { wanted }: ModelEntry): PolledModel {
    const serials = stepsOf(model.config).map((step) => {
      const entry = this.entries.get(step.modelName)!;
      const version = versionOf(step);
      return (version === undefined ? entry.latest : entry.byText.get(String(version)))!.serial;
    });
    const revisions = new Map([...model.revisions].map(([version, text]) => [version, `${text} | ${serials}`]));
    const same = wanted?.config === model.config &&
      model.versions.every((version) => wanted.revisions.get(version) === revisions.get(version));
    return same ? wanted : { ...model, revisions };
  }
}

/** True for a name that is not in the repository, is there twice, or has a configuration that cannot be read. */
function isMissing(entry: ModelEntry | undefined): boolean {
  return !entry || entry.records.size === 0 && entry.failure !== undefined && !entry.blocked && !entry.wanted;
}

function whyNotLoaded({ records, failure }: ModelEntry): string | undefined {
  const reasons = [...records.values()].sort((a, b) => a.version - b.version).flatMap(({ version, status }) =>
    status.state === "UNAVAILABLE" && status.reason !== UNLOADED
      ? [versionFailure(version, status.reason).trimEnd()]
      : []
  );
  return reasons.length > 0 ? reasons.join(" ") : failure?.message;
}
