/** Every command-line option, once. Parsing, `--help` and the start-up table are made from it. */
import type { Option } from "./option.ts";
import { FEATURE_OPTIONS } from "./table_features.ts";
import { PROTOCOL_OPTIONS } from "./table_protocols.ts";
import { SERVER_OPTIONS } from "./table_server.ts";

export const OPTIONS = { ...SERVER_OPTIONS, ...PROTOCOL_OPTIONS, ...FEATURE_OPTIONS };

export type OptionKey = keyof typeof OPTIONS;

/** The value of every option: what the user set, else its default. */
export type ServerOptions = {
  readonly [Key in OptionKey]: typeof OPTIONS[Key] extends Option<infer Value> ? Value : never;
};

/** {@link OPTIONS} for code that treats all options alike. */
// deno-lint-ignore no-explicit-any -- every option has a value type of its own.
export const OPTION_LIST: readonly (readonly [OptionKey, Option<any>])[] = Object.entries(OPTIONS) as [
  OptionKey,
  // deno-lint-ignore no-explicit-any -- as above.
  Option<any>,
][];
