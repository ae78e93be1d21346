/** How options are declared; the declarations themselves are in `table.ts`. */

/** The groups of `--help`, in its order. */
export const SECTIONS = [
  "General",
  "Model repository",
  "Logging",
  "HTTP",
  "gRPC",
  "Metrics",
  "Backends",
  "Trace",
  "Response cache",
  "Rate limiter",
  "Memory and devices",
  "Cloud",
  "Deprecated",
] as const;

export type Section = typeof SECTIONS[number];

/** How the text of an option becomes its value and back. */
export interface ValueType<T> {
  /** What `--help` puts after the `=`; "" for an option without a value. */
  readonly placeholder: string;
  /**
   * @param text what the user wrote.
   * @param previous the value so far: the default, or what an earlier occurrence gave.
   * @param name the option's name, for errors that contain it.
   * @throws Status INVALID_ARGUMENT.
   */
  parse(text: string, previous: T, name: string): T;
  /** For the start-up table and `--help`; "" for a value that says nothing. */
  show(value: T): string;
}

/**
 * What setting the option to something other than its default does: everything it should, nothing because there is no
 * such thing here, nothing yet, or an error at start because going on would mislead.
 */
export type Effect = "full" | "none" | "later" | "refused";

/** One command-line option. Its name is its key in the table with dashes: `httpPort` is `--http-port`. */
export interface Option<T> {
  readonly section: Section;
  readonly type: ValueType<T>;
  readonly default: NoInfer<T>;
  readonly help: string;
  readonly aliases?: readonly string[];
  /** "full" where absent. */
  readonly effect?: Effect;
  /** Why the effect is not full: a half sentence for the user. */
  readonly why?: string;
  /** In the start-up table even when it was not set. */
  readonly prominent?: boolean;
  /** Not shown where options are shown. */
  readonly secret?: boolean;
  /** For a deprecated option: its warning, and the option and text that do the same. */
  readonly deprecated?: {
    warning(value: T): string;
    readonly key: string;
    text(value: T): string;
  };
}

/** Gives a declaration its type. */
export function option<T>(declaration: Option<T>): Option<T> {
  return declaration;
}

/** `http-port` for `httpPort`. */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
