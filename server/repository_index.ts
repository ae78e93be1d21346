import type { IndexEntry, Repository } from "../model_repository/model.ts";

/**
 * The repository index as the protocol's index extension shows it: a model whose configuration could not be read is a
 * bare name there, as in Triton; why is in `GET /v2/models`, the log and the table at start-up.
 *
 * @param readyOnly only READY versions, and names that stand for a conflict between repositories.
 */
export function protocolIndex(repository: Repository, readyOnly: boolean): IndexEntry[] {
  const entries = repository.index().map((entry) => entry.unread ? { name: entry.name } : entry);
  return readyOnly ? entries.filter(isListedAsReady) : entries;
}

function isListedAsReady({ state, version }: IndexEntry): boolean {
  return state === "READY" || state !== undefined && version === undefined;
}
