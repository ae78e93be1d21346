import type { Log } from "../observability/log.ts";
import type { IndexEntry, VersionState } from "./model.ts";
import { UNLOADED, type VersionRecord } from "./version_record.ts";

/** A change of one version. */
export interface RepositoryEvent extends IndexEntry {
  readonly version: number;
  readonly state: VersionState;
}

/** Logs what has become of a version, in Triton's words. @returns the same for listeners. */
export function logChange(log: Log, name: string, version: number, status: VersionRecord["status"]): RepositoryEvent {
  const event: RepositoryEvent = { name, version, state: status.state };
  switch (status.state) {
    case "LOADING":
      log.info(`loading: ${name}:${version}`);
      return event;
    case "READY": {
      const { device, note, moved } = status.model.loaded;
      log.info(`successfully loaded '${name}' version ${version} on ${device}`);
      if (note !== "") log[moved ? "warning" : "info"](`${name}: ${note}`);
      return { ...event, device, note };
    }
    case "UNAVAILABLE":
      if (status.reason === UNLOADED) log.info(`successfully unloaded '${name}' version ${version}`);
      else if (status.lost) log.error(`'${name}' version ${version} is no longer served: ${status.reason}`);
      else log.error(`failed to load '${name}' version ${version}: ${status.reason}`);
      return { ...event, reason: status.reason };
    default:
      return event;
  }
}
