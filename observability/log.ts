import { boxed, escapeControls } from "./text_table.ts";

/** The forms that a line of the log can take. */
export type LogFormat = "default" | "ISO8601" | "json";

/** What the log writes, and where. */
export interface LogSettings {
  /** "" for standard error. */
  readonly file: string;
  readonly info: boolean;
  readonly warning: boolean;
  readonly error: boolean;
  readonly verbose: number;
  readonly format: LogFormat;
}

/** Where finished lines go. */
export type LogSink = (text: string) => void;

/** The server's log: four severities, one line or one table each, to standard error or a file. */
export interface Log {
  /** A line of detail, written where the log's verbosity is at least `level`. */
  verbose(level: number, message: string): void;
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/** A method that user code calls to log. */
type Entry = (...args: never[]) => void;

type Severity = "VERBOSE" | "INFO" | "WARNING" | "ERROR";

/** Triton writes verbose lines as information. */
const LETTER: Readonly<Record<Severity, string>> = { VERBOSE: "I", INFO: "I", WARNING: "W", ERROR: "E" };

/** ANSI colours of the severities, on a terminal. */
const COLOUR: Readonly<Record<Severity, string>> = { VERBOSE: "2", INFO: "", WARNING: "33", ERROR: "31" };

const DEFAULTS: LogSettings = { file: "", info: true, warning: true, error: true, verbose: 0, format: "default" };

/**
 * A log in Triton's forms: `I1121 12:00:00.123456 4711 main.ts:12] "message"`. Messages are quoted and escaped, so that
 * one line stays one line, unless the environment has TRITON_SERVER_ESCAPE_LOG_MESSAGES=0.
 */
export class Logger implements Log {
  #settings = DEFAULTS;
  #sink: LogSink;
  #fixedSink: boolean;
  #file: Deno.FsFile | undefined;
  #escape: boolean;
  #colour: boolean;

  /** @param sink takes the place of standard error and of files. */
  constructor(sink?: LogSink) {
    this.#fixedSink = sink !== undefined;
    this.#sink = sink ?? writeStandardError;
    this.#escape = Deno.env.get("TRITON_SERVER_ESCAPE_LOG_MESSAGES") !== "0";
    this.#colour = sink === undefined && useColour(Deno.stderr);
  }

  get settings(): LogSettings {
    return this.#settings;
  }

  /**
   * Changes some of the settings.
   *
   * @throws the system's error where a new file cannot be opened; nothing changes then.
   */
  configure(changes: Partial<LogSettings>): void {
    const settings = { ...this.#settings, ...changes };
    if (settings.file !== this.#settings.file && !this.#fixedSink) {
      const file = settings.file === ""
        ? undefined
        : Deno.openSync(settings.file, { append: true, create: true, write: true });
      this.#file?.close();
      this.#file = file;
      this.#sink = file ? (text) => writeAll(file, text) : writeStandardError;
      this.#colour = !file && useColour(Deno.stderr);
    }
    this.#settings = settings;
  }

  verbose(level: number, message: string): void {
    if (level <= this.#settings.verbose) this.#line("VERBOSE", message, this.verbose);
  }

  info(message: string): void {
    if (this.#settings.info) this.#line("INFO", message, this.info);
  }

  warning(message: string): void {
    if (this.#settings.warning) this.#line("WARNING", message, this.warning);
  }

  error(message: string): void {
    if (this.#settings.error) this.#line("ERROR", message, this.error);
  }

  /** A table of severity INFO: a box below a line with its title; in the json format one object with its rows. */
  table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): void {
    if (!this.#settings.info) return;
    if (this.#settings.format === "json") {
      const named = rows.map((row) => Object.fromEntries(head.map((name, i) => [name.toLowerCase(), row[i]])));
      this.#write(jsonLine("INFO", this.table, title, { rows: named }));
    } else {
      this.#write(`${this.#prefix("INFO", this.table)}${title}\n${boxed(head, rows)}\n`);
    }
  }

  #line(severity: Severity, message: string, from: Entry): void {
    if (this.#settings.format === "json") return this.#write(jsonLine(severity, from, message));
    const line = this.#prefix(severity, from) + (this.#escape ? escapeControls(JSON.stringify(message)) : message);
    const colour = this.#colour ? COLOUR[severity] : "";
    this.#write(colour === "" ? `${line}\n` : `\x1b[${colour}m${line}\x1b[0m\n`);
  }

  #prefix(severity: Severity, from: Entry): string {
    const time = this.#settings.format === "ISO8601" ? isoTime() : shortTime();
    const letter = LETTER[severity];
    const start = this.#settings.format === "ISO8601" ? `${time} ${letter}` : `${letter}${time}`;
    return `${start} ${Deno.pid} ${caller(from)}] `;
  }

  #write(text: string): void {
    try {
      this.#sink(text);
    } catch {
      // A log that cannot be written, such as a full disk or a closed pipe, must not stop the server.
    }
  }
}

/** The process's log. */
export const log: Logger = new Logger();

/** Colour belongs on a terminal, unless the user says otherwise (https://no-color.org). */
export function useColour(stream: { isTerminal(): boolean }): boolean {
  return stream.isTerminal() && (Deno.env.get("NO_COLOR") ?? "") === "" && Deno.env.get("TERM") !== "dumb";
}

function jsonLine(severity: Severity, from: Entry, message: string, more: Record<string, unknown> = {}): string {
  const entry = {
    time: new Date().toISOString(),
    level: severity,
    pid: Deno.pid,
    source: caller(from),
    message,
    ...more,
  };
  return `${escapeControls(JSON.stringify(entry))}\n`;
}

const pad = (value: number, length: number) => String(value).padStart(length, "0");

/** `1121 12:00:00.123456`, local time. */
function shortTime(): string {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const date = new Date(micros / 1000);
  return `${pad(date.getMonth() + 1, 2)}${pad(date.getDate(), 2)} ${pad(date.getHours(), 2)}:${
    pad(date.getMinutes(), 2)
  }:${pad(date.getSeconds(), 2)}.${pad(micros % 1e6, 6)}`;
}

/** `2026-11-21T12:00:00Z`. */
function isoTime(): string {
  return new Date().toISOString().replace(/\.\d+/, "");
}

/** `file.ts:12` of the code that called `entry`. */
function caller(entry: Entry): string {
  const holder = { stack: "" };
  Error.captureStackTrace(holder, entry);
  const at = /([^/\\(\s]+):(\d+):\d+\)?$/m.exec(holder.stack);
  return at ? `${at[1]}:${at[2]}` : "server:0";
}

const encoder = new TextEncoder();

function writeStandardError(text: string): void {
  writeAll(Deno.stderr, text);
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  for (let at = 0; at < bytes.length;) at += to.writeSync(bytes.subarray(at));
}
