import { distance } from "fastest-levenshtein";
import {
  modelWithoutConfiguration,
  noAvailableVersion,
  unknownModel,
  unknownModelDidYouMean,
  unknownVersion,
  versionLost,
  versionNegative,
  versionNotANumber,
  versionNotReady,
} from "../core/errors/request.ts";
import type { Status } from "../core/status.ts";
import type { ModelEntry } from "./model_entry.ts";
import type { ServedModel } from "./served_model.ts";

/**
 * The READY version that a request names, where its text does not lead to one at once: `01` is 1, and all else fails.
 *
 * @param entry undefined for a name that is not known. @param version "" for none. @param names all that are known.
 * @throws Status NOT_FOUND, UNAVAILABLE or INVALID_ARGUMENT
 */
export function findSlowly(
  entry: ModelEntry | undefined,
  name: string,
  version: string,
  names: Iterable<string>,
): ServedModel {
  const number = version === "" ? undefined : versionNumber(version);
  if (!entry || entry.records.size === 0) throw unknown(entry, name, number, names);
  if (number === undefined) throw noneAvailable(entry);
  const record = entry.records.get(number);
  if (!record) throw unknownVersion(name, number);
  if (record.lost) throw versionLost(name, number, record.lost.message);
  if (!record.ready) throw versionNotReady(name, number);
  return record.ready;
}

/** Of a model that is known, and that no version serves. */
function noneAvailable({ name, records }: ModelEntry): Status {
  for (const { version, lost } of records.values()) if (lost) return versionLost(name, version, lost.message);
  return noAvailableVersion(name);
}

function unknown(
  entry: ModelEntry | undefined,
  name: string,
  version: number | undefined,
  names: Iterable<string>,
): Status {
  if (entry?.wanted) return version === undefined ? noAvailableVersion(name) : unknownVersion(name, version);
  if (entry?.failure) return modelWithoutConfiguration(name, entry.failure.message);
  const other = entry ? undefined : nearestName(name, names);
  return other === undefined ? unknownModel(name) : unknownModelDidYouMean(name, other);
}

/** @throws Status INVALID_ARGUMENT */
function versionNumber(text: string): number {
  const version = Number(text);
  // Triton reads a signed 64-bit integer.
  if (!/^[+-]?\d+$/.test(text) || Math.abs(version) >= 2 ** 63) throw versionNotANumber(text);
  if (version < 0) throw versionNegative(text);
  return version;
}

const MAX_NAME_TO_COMPARE = 200;

/** The name that was probably meant: one that differs in at most a third of its letters, and in no more than three. */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  if (name.length > MAX_NAME_TO_COMPARE) return undefined;
  let best: string | undefined;
  let least = Math.min(3, Math.floor(name.length / 3)) + 1;
  for (const other of names) {
    if (Math.abs(other.length - name.length) >= least) continue;
    const away = distance(name, other);
    if (away < least) {
      least = away;
      best = other;
    }
  }
  return best;
}
