import type { IndexEntry } from "../../model_repository/model.ts";
import type { Logger } from "../../observability/log.ts";
import { summary } from "../options/checks.ts";
import { wrap } from "../options/help.ts";
import type { OptionKey, ServerOptions } from "../options/table.ts";

/** Columns of a reason or note in the table of models. */
const NOTE_WIDTH = 60;

/** A port that is served. */
export interface Endpoint {
  /** What it serves, as people call it. */
  readonly service: string;
  /** `127.0.0.1:8000`. */
  readonly address: string;
}

/** How many models the entries are about. */
export function countModels(index: readonly IndexEntry[]): number {
  return new Set(index.map(({ name }) => name)).size;
}

/** One line for a model that did not load: which, and why. */
export function failureLine({ name, version, reason }: IndexEntry): string {
  return `${name}${version === undefined ? "" : ` version ${version}`}: ${
    (reason || "no version could be loaded").trim()
  }`;
}

/** The table of every model and version. */
export function reportModels(log: Logger, index: readonly IndexEntry[]): void {
  const rows = index.map(({ name, version, state, device, reason, note }) => [
    name,
    version === undefined ? "-" : String(version),
    state ?? "UNAVAILABLE",
    device || "-",
    wrapped([reason, note].filter((text) => text !== undefined && text !== "").join("\n")),
  ]);
  const notes = rows.some((row) => row[4] !== "");
  const head = ["Model", "Version", "Status", "Device", ...notes ? ["Reason"] : []];
  log.table("Models", head, notes ? rows : rows.map((row) => row.slice(0, 4)));
}

/** The table of the options that were set and of those that people look for; of all in a verbose log. */
export function reportOptions(log: Logger, options: ServerOptions, given: ReadonlySet<OptionKey>): void {
  log.table("Options", ["Option", "Value"], summary(options, given, options.logVerbose > 0));
}

/** The table of the ports, and that the server is ready. */
export function reportReady(
  log: Logger,
  endpoints: readonly Endpoint[],
  index: readonly IndexEntry[],
  failed: readonly IndexEntry[],
  seconds: number,
): void {
  log.table("Endpoints", ["Service", "Address"], endpoints.map(({ service, address }) => [service, address]));
  for (const entry of failed) log.error(`Not loaded: ${failureLine(entry)}`);
  const models = countModels(index);
  const count = `${models - countModels(failed)} of ${models} ${models === 1 ? "model" : "models"}`;
  log.info(`Ready after ${seconds.toFixed(2)} s: ${count} loaded`);
}

function wrapped(text: string): string {
  return text.split("\n").filter((line) => line.trim() !== "").flatMap((line) => wrap(line.trim(), 0, NOTE_WIDTH))
    .join("\n");
}
