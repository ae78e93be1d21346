import type { PolledModel } from "./polled_model.ts";
import type { VersionRecord } from "./version_record.ts";

/** What has to happen to the versions of one model. */
export interface Plan {
  /** Versions to load, or to load anew behind the one that serves; ascending. */
  readonly load: readonly number[];
  /** Versions that serve and are to stop, once those above have loaded; ascending. */
  readonly unload: readonly number[];
}

/**
 * What separates the versions there are from those wanted. Loads come first and unloads follow, so that a model keeps
 * answering while its versions change.
 *
 * @param wanted undefined for a model that is not to be served.
 */
export function planReconcile(
  wanted: PolledModel | undefined,
  records: ReadonlyMap<number, VersionRecord>,
): Plan {
  const load = wanted === undefined ? [] : wanted.versions.filter((version) => {
    const record = records.get(version);
    return !record?.ready || record.revision !== wanted.revisions.get(version);
  });
  const unload = [...records.values()]
    .filter((record) => record.ready && !wanted?.versions.includes(record.version))
    .map(({ version }) => version)
    .sort((a, b) => a - b);
  return { load, unload };
}
