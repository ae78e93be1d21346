import * as errors from "../../core/errors/options.ts";
import type { ValueType } from "./option.ts";

const INT_MAX = 2 ** 31 - 1;

/** A switch: no value may be given. */
export const flag: ValueType<boolean> = {
  placeholder: "",
  parse: () => true,
  show: String,
};

/** true/on/1 or false/off/0, in any case. */
export const bool: ValueType<boolean> = {
  placeholder: "<true|false>",
  parse(text) {
    const value = parseBoolean(text);
    if (value === undefined) throw errors.notABoolean(text);
    return value;
  },
  show: String,
};

/** A whole number from `least` to `most`. */
export function integer(least = -INT_MAX - 1, most = INT_MAX, placeholder = "<integer>"): ValueType<number> {
  return { placeholder, parse: (text) => parseInteger(text, least, most), show: String };
}

/** A TCP port; 0 lets the system choose. */
export const port: ValueType<number> = integer(0, 65535, "<port>");

/** Bytes, up to 2^53 - 1. */
export function bytes(least = 0): ValueType<number> {
  return integer(least, Number.MAX_SAFE_INTEGER, "<bytes>");
}

/** The verbosity of the log: a number, or true for 1. */
export const verbosity: ValueType<number> = {
  placeholder: "<level>",
  parse(text) {
    if (/^(true|on)$/i.test(text)) return 1;
    if (/^(false|off)$/i.test(text)) return 0;
    return parseInteger(text, 0, INT_MAX);
  },
  show: String,
};

export const decimal: ValueType<number> = {
  placeholder: "<number>",
  parse: (text) => parseDecimal(text),
  show: String,
};

/** Any text, the empty one too. */
export const text: ValueType<string> = { placeholder: "<text>", parse: (text) => text, show: String };

/** A path or name, which cannot be empty. */
export function nonEmpty(placeholder: string, what: string): ValueType<string> {
  return {
    placeholder,
    parse(text) {
      if (text === "") throw errors.emptyValue(what);
      return text;
    },
    show: String,
  };
}

/** Every occurrence adds one. */
export function list(placeholder: string, what: string): ValueType<readonly string[]> {
  return {
    placeholder,
    parse(text, previous) {
      if (text === "") throw errors.emptyValue(what);
      return [...previous, text];
    },
    show: (values) => values.join("\n"),
  };
}

/** One of `allowed`. @param spelled the name in the error, where it is not the option's. */
export function oneOf<const T extends string>(allowed: readonly T[], spelled?: string): ValueType<T> {
  return {
    placeholder: `<${allowed.join("|")}>`,
    parse(text, _, name) {
      if (!(allowed as readonly string[]).includes(text)) throw errors.notInEnumeration(spelled ?? name, text, allowed);
      return text as T;
    },
    show: String,
  };
}

/** The boolean that a text means, or undefined. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^(true|on|1)$/i.test(text)) return true;
  if (/^(false|off|0)$/i.test(text)) return false;
  return undefined;
}

/** @throws Status INVALID_ARGUMENT for anything but digits with a sign, and outside `least` to `most`. */
export function parseInteger(text: string, least: number, most: number): number {
  if (!/^[+-]?\d+$/.test(text)) throw errors.notANumber(text);
  const value = Number(text);
  if (value < least || value > most) throw errors.outOfBound(text, `${least} to ${most}`);
  return value;
}

/** @throws Status INVALID_ARGUMENT for anything but a finite decimal number. */
export function parseDecimal(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value)) throw errors.notANumber(text);
  return value;
}
