import { type JsonValue, parseExactly } from "./parser.ts";
import { checkParts } from "./parts.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A number with a fraction or an exponent, roughly: names and strings may match too, which costs time only. */
const FRACTION = /[0-9][.eE]/;
const FRACTION_IN_SHAPE = /"shape"\s*:\s*\[[^\]]*[.eE]/;

/** A parsed document, and what the native parser may have lost on the way. */
export interface JsonDocument {
  readonly root: JsonValue;
  /** The exact parser made it: nothing is lost, integers are told from other numbers. */
  readonly exact: boolean;
  /**
   * Integers in it may have been written as `1.0` or `1e3`, which the protocol does not take for integers. Whoever reads
   * an integer outside of a shape then needs the exact document.
   */
  readonly fractions: boolean;
}

/**
 * Parses the JSON of a request, natively where the result cannot differ from {@link parseExactly}'s but in integers
 * beyond 2^53. A reader that meets one of those, or anything that it must refuse, starts again with {@link exactJson}.
 *
 * @throws Status INVALID_ARGUMENT
 */
export function readJson(bytes: Uint8Array): JsonDocument {
  let root: JsonValue;
  let text: string;
  let keys: number;
  try {
    text = decoder.decode(bytes);
  } catch {
    return exactJson(bytes);
  }
  checkParts(text);
  try {
    root = JSON.parse(text);
    keys = countKeys(root);
  } catch {
    // also what is nested too deep to be counted: the exact parser says so
    return exactJson(bytes);
  }
  // Escaped surrogates may be lone; a key more or less means duplicates, or strings with colons.
  if (text.includes("\\ud") || text.includes("\\uD") || keys !== countColons(text)) return exactJson(bytes);
  const fractions = FRACTION.test(text);
  if (fractions && FRACTION_IN_SHAPE.test(text)) return exactJson(bytes);
  return { root, exact: false, fractions };
}

/** The document as {@link parseExactly} gives it. @throws Status INVALID_ARGUMENT */
export function exactJson(bytes: Uint8Array): JsonDocument {
  return { root: parseExactly(bytes), exact: true, fractions: false };
}

/** Keys in the document. Arrays that start with something else than an object count as having none. */
function countKeys(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    const first = value[0];
    if (typeof first !== "object" || first === null || Array.isArray(first)) return 0;
    for (let i = 0; i < value.length; i++) count += countKeys(value[i]);
    return count;
  }
  const members = value as Record<string, JsonValue>;
  for (const key in members) {
    if (!Object.hasOwn(members, key)) continue;
    count++;
    const member = members[key];
    if (typeof member === "object") count += countKeys(member);
  }
  return count;
}

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at !== -1; at = text.indexOf(":", at + 1)) count++;
  return count;
}
