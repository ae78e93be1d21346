import { type Option, optionName, SECTIONS } from "./option.ts";
import { OPTION_LIST, type OptionKey, OPTIONS } from "./table.ts";

/** The name that the program shows itself by. */
export const PROGRAM = "triton-ts";

const INDENT = 6;

/** The whole usage. @param width columns of the text. */
export function helpText(version: string, width: number): string {
  const lines = [
    `${PROGRAM} ${version}: serves a repository of models to Triton clients over HTTP and gRPC.`,
    "",
    `Usage: ${PROGRAM} --model-repository=<folder> [--<option>=<value> …]`,
    "",
    ...wrap(
      "Options may be abbreviated as long as they are unambiguous; their values may also follow after a blank. " +
        "Where an option is given twice the last value counts, unless it says that it may be repeated.",
      0,
      width,
    ),
  ];
  for (const section of SECTIONS) {
    lines.push("", `${section}:`);
    for (const [key, option] of OPTION_LIST) {
      if (option.section === section) lines.push(...describe(key, option, width));
    }
  }
  return lines.join("\n") + "\n";
}

/** The help of one option. */
export function optionHelp(key: OptionKey, width: number): string {
  return describe(key, OPTIONS[key], width).join("\n");
}

// deno-lint-ignore no-explicit-any -- options of every type.
function describe(key: OptionKey, option: Option<any>, width: number): string[] {
  const { placeholder } = option.type;
  const names = [optionName(key), ...option.aliases ?? []];
  const head = names.map((name) => `--${name}${placeholder === "" ? "" : `=${placeholder}`}`).join(", ");
  return [`  ${head}`, ...wrap(`${option.help}${defaultOf(option)}${effectOf(option)}`, INDENT, width)];
}

// deno-lint-ignore no-explicit-any -- options of every type.
function defaultOf(option: Option<any>): string {
  const value = option.type.show(option.default);
  return value === "" || option.type.placeholder === "" || option.deprecated ? "" : ` Default: ${value}.`;
}

// deno-lint-ignore no-explicit-any -- options of every type.
function effectOf({ effect, why }: Option<any>): string {
  switch (effect) {
    case "none":
      return ` (Accepted without effect: ${why}.)`;
    case "later":
      return ` (No effect yet: ${why}.)`;
    case "refused":
      return ` (Not supported: ${why}.)`;
    default:
      return "";
  }
}

/** The lines of a text, broken at blanks. */
export function wrap(text: string, indent: number, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(" ".repeat(indent) + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, " ".repeat(indent) + line];
}
