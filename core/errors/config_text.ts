/** Mistakes in a `config.pbtxt`: protobuf's texts, then where in the configuration, and what to write instead. */
import { declare } from "./declare.ts";

/** A place in a configuration file: what an editor shows, so lines and columns start at 1. */
export interface TextPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The field that was being read, as in `input[0].data_type`; "" at the top level. */
  readonly field: string;
}

/** `advice` is one of {@link advice}, or "" where nothing is known that would help. */
function mistake<Args extends unknown[]>(template: (...args: Args) => string) {
  return declare("INVALID_ARGUMENT", (at: TextPosition, advice: string, ...args: Args) => {
    const field = at.field && `in '${at.field}'`;
    const notes = [field, advice].filter((note) => note).join(": ");
    return `${at.file}:${at.line}:${at.column}: ${template(...args)}${notes && ` (${notes})`}`;
  });
}

const END = "the end of the file";

export const expectedIdentifier = mistake((got: string) => `Expected identifier, got: ${got || END}`);
export const expectedSymbol = mistake((symbol: string, got: string) =>
  `Expected "${symbol}", found ${got ? `"${got}"` : END}.`
);
export const expectedInteger = mistake((got: string) => `Expected integer, got: ${got || END}`);
export const expectedDouble = mistake((got: string) => `Expected double, got: ${got || END}`);
export const expectedDecimal = mistake((got: string) => `Expect a decimal number, got: ${got}`);
export const expectedString = mistake((got: string) => `Expected string, got: ${got || END}`);
export const expectedBoolean = mistake((field: string, got: string) =>
  `Invalid value for boolean field "${field}". Value: "${got}".`
);
export const expectedEnum = mistake((got: string) => `Expected integer or identifier, got: ${got || END}`);
export const integerOutOfRange = mistake((text: string) => `Integer out of range (${text})`);
export const unknownField = mistake((type: string, field: string) =>
  `Message type "${type}" has no field named "${field}".`
);
export const unknownEnumValue = mistake((value: string, field: string) =>
  `Unknown enumeration value of "${value}" for field "${field}".`
);
export const repeatedField = mistake((field: string) => `Non-repeated field "${field}" is specified multiple times.`);
export const oneofConflict = mistake((field: string, other: string, oneof: string) =>
  `Field "${field}" is specified along with field "${other}", another member of oneof "${oneof}".`
);
export const multilineString = mistake(() => "String literals cannot cross line boundaries.");
export const unfinishedString = mistake(() => "Unexpected end of string.");
export const invalidEscape = mistake(() => "Invalid escape sequence in string literal.");
export const invalidUtf8 = mistake((field: string) => `String field "${field}" contains invalid UTF-8 data.`);
export const invalidOctal = mistake(() => "Numbers starting with leading zero must be in octal.");
export const invalidHex = mistake(() => '"0x" must be followed by hex digits.');
export const invalidExponent = mistake(() => '"e" must be followed by exponent.');
export const controlCharacter = mistake(() => "Invalid control characters encountered in text.");

/** What to do about a mistake, by what it looks like. */
export const advice = {
  didYouMean: (names: readonly string[]) => `did you mean ${names.map((name) => `'${name}'`).join(" or ")}?`,
  expectedOneOf: (names: readonly string[]) => `expected one of ${names.join(", ")}`,
  belongsTo: (field: string, owner: string) => `'${field}' goes inside ${owner} { … }`,
  expected: (what: string) => `expected ${what}`,
  write: (text: string) => `write ${text}`,
  firstSeen: (line: number) => `it was given in line ${line} before; keep one of the two`,
  keepOne: (line: number) => `keep one of the two; the other is in line ${line}`,
  unclosed: (bracket: string, line: number) => `the file ends before the '${bracket}' opened in line ${line} is closed`,
  superfluous: (bracket: string) => `there is no open bracket that this '${bracket}' could close`,
  json: "this looks like JSON; the format is protobuf text: names without quotes, as in max_batch_size: 8",
  comment: "comments start with '#'",
  range: (low: string, high: string) => `expected an integer from ${low} to ${high}`,
  list: "put the elements of a list into brackets, with commas between: [ 1, 2 ]",
  single: "this field takes one value, not a list",
  fieldName: (token: string) => `expected the name of a field before ${token}`,
  colon: "a ':' goes between a field and its value",
  noQuotes: "field names are written without quotes",
  closeFirst: (field: string, bracket: string, line: number) =>
    `'${field}' is a field of the whole configuration; close the '${bracket}' of line ${line} before it`,
  escape: "write a backslash as \\\\",
  closeQuote: (quote: string) => `close the string with ${quote} on the same line`,
};
