import { parseArgs } from "node:util";
import { closest, distance } from "fastest-levenshtein";
import * as errors from "../../core/errors/options.ts";
import { Status } from "../../core/status.ts";
import { type Option, optionName } from "./option.ts";
import { OPTION_LIST, type OptionKey, OPTIONS, type ServerOptions } from "./table.ts";

/** What a command line asks for. */
export type CommandLine =
  | { readonly kind: "help" | "version" }
  | { readonly kind: "error"; readonly error: UsageError }
  | {
    readonly kind: "serve";
    readonly options: ServerOptions;
    /** Options that were given, deprecated ones as what replaces them. */
    readonly given: ReadonlySet<OptionKey>;
    /** About deprecated options, to be logged. */
    readonly warnings: readonly string[];
  };

/** A command line that says something wrong. */
export interface UsageError {
  /** The option whose value is wrong; undefined where the fault is not in a value. */
  readonly option?: OptionKey;
  readonly status: Status;
}

/** Full names and aliases, each with its option. */
const NAMES: ReadonlyMap<string, OptionKey> = new Map(
  OPTION_LIST.flatMap(([key, { aliases = [] }]) =>
    [optionName(key), ...aliases].map((name): [string, OptionKey] => [name, key])
  ),
);

/** Every full name and every beginning of one, each with the names it can stand for. */
const PREFIXES: ReadonlyMap<string, readonly string[]> = (() => {
  const prefixes = new Map<string, string[]>();
  for (const name of NAMES.keys()) {
    for (let length = 1; length < name.length; length++) {
      const prefix = name.slice(0, length);
      if (NAMES.has(prefix)) continue;
      const names = prefixes.get(prefix);
      if (names) names.push(name);
      else prefixes.set(prefix, [name]);
    }
  }
  for (const name of NAMES.keys()) prefixes.set(name, [name]);
  return prefixes;
})();

/** The option that a name or an unambiguous beginning means; a list of names where it is ambiguous. */
function resolve(name: string): OptionKey | readonly string[] {
  const names = PREFIXES.get(name) ?? [];
  const keys = new Set(names.map((full) => NAMES.get(full)!));
  return keys.size === 1 ? [...keys][0] : names;
}

function takesValue(key: OptionKey): boolean {
  return OPTIONS[key].type.placeholder !== "";
}

/** For `parseArgs`: which names, abbreviated ones too, take a value. */
const PARSE_CONFIG = Object.fromEntries(
  [...PREFIXES.keys()].map((name) => {
    const key = resolve(name);
    return [name, { type: typeof key === "string" && takesValue(key) ? "string" : "boolean" } as const];
  }),
);

/**
 * Reads a command line as getopt_long does: `--name=value` and `--name value`, unambiguous abbreviations, the last value
 * wins. Never throws.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const values = Object.fromEntries(OPTION_LIST.map(([key, option]) => [key, option.default])) as Record<
    OptionKey,
    unknown
  >;
  const given = new Set<OptionKey>();
  const written = new Set<OptionKey>();
  const warnings: string[] = [];
  let positional: string | undefined;
  const { tokens } = parseArgs({
    args: [...args],
    options: PARSE_CONFIG,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") positional ??= token.value;
    if (token.kind !== "option") continue;
    if (!token.rawName.startsWith("--")) return wrong(errors.unknownShortOption(token.name));
    const key = resolve(token.name);
    if (typeof key !== "string") {
      if (key.length > 0) return wrong(errors.ambiguousOption(token.rawName, key));
      const argument = token.inlineValue ? `${token.rawName}=${token.value}` : token.rawName;
      return wrong(errors.unrecognizedOption(argument, nearest(token.name)));
    }
    if (takesValue(key) && token.value === undefined) return wrong(errors.valueMissing(optionName(key)));
    if (!takesValue(key) && token.inlineValue) return wrong(errors.valueNotAllowed(optionName(key)));
    if (key === "help" || key === "version") return { kind: key };
    written.add(key);
    try {
      setOption(values, given, warnings, key, token.value as string | undefined ?? "");
    } catch (error) {
      return wrong(Status.from(error), key);
    }
  }
  if (positional !== undefined) return wrong(errors.positionalArgument(positional));
  if (written.has("responseCacheByteSize") && written.has("cacheConfig")) return wrong(errors.twoCacheOptions());
  return { kind: "serve", options: values as ServerOptions, given, warnings };
}

function wrong(status: Status, option?: OptionKey): CommandLine {
  return { kind: "error", error: { option, status } };
}

/** Sets an option, and for a deprecated one what replaces it. @throws Status for a bad value. */
function setOption(
  values: Record<OptionKey, unknown>,
  given: Set<OptionKey>,
  warnings: string[],
  key: OptionKey,
  text: string,
): void {
  const { type, deprecated } = find(key);
  const value = type.parse(text, values[key], optionName(key));
  values[key] = value;
  if (!deprecated) {
    given.add(key);
    return;
  }
  warnings.push(`Warning: ${deprecated.warning(value)}`);
  const target = deprecated.key as OptionKey;
  if (!takesValue(target)) {
    // A switch that the old option sets to a boolean.
    values[target] = value;
    given.add(target);
    return;
  }
  setOption(values, given, warnings, target, deprecated.text(value));
}

// deno-lint-ignore no-explicit-any -- one function for options of every type.
function find(key: OptionKey): Option<any> {
  return OPTIONS[key];
}

/** The option that a mistyped name is closest to, if it is close enough to be meant. */
function nearest(name: string): string | undefined {
  const names = [...NAMES.keys()];
  const found = closest(name, names);
  return distance(name, found) <= Math.max(2, Math.floor(name.length / 3)) ? found : undefined;
}
