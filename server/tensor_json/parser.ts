import { jsonTooDeep, malformedJson } from "../../core/errors/http.ts";
import { checkParts } from "./parts.ts";
import { decodeText } from "./text.ts";

/**
 * A number that a plain one could not stand for: an integral value written with a fraction or an exponent (`1.0` is no
 * integer to the protocol), an integer beyond 64 bits, or one that is not finite.
 */
export class JsonDouble {
  /** @param text the number as the document writes it, which `value` may round. */
  constructor(readonly value: number, readonly text = String(value)) {}
}

/**
 * What {@link parseExactly} gives: integers are numbers up to 2^53 and bigints up to 64 bits, other numbers are numbers
 * or {@link JsonDouble}, objects have no prototype, strings are as `decodeText` gives them.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonDouble | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

/** The keys that objects of a document have more than once. */
export type RepeatedKeys = Map<JsonObject, Set<string>>;

/** Containers within containers that a document may have. */
const MAX_DEPTH = 512;
/** The depth that texts name: what the `data` of a tensor may have. */
export const MAX_DATA_DEPTH = 100;

// Tensors may be full of them.
const NOT_A_NUMBER = new JsonDouble(NaN);
const INFINITY = new JsonDouble(Infinity);
const NEGATIVE_INFINITY = new JsonDouble(-Infinity);

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

const latin1 = new TextDecoder("latin1", { ignoreBOM: true });
const INVALID = "Invalid value.";
const NAMED = new Map([
  [0x62, "\b"],
  [0x66, "\f"],
  [0x6e, "\n"],
  [0x72, "\r"],
  [0x74, "\t"],
  [0x22, '"'],
  [0x5c, "\\"],
  [
    0x2f,
    "/",
  ],
]);

/**
 * Parses JSON the way the protocol's reference server does: `NaN`, `Inf` and `Infinity` with or without a minus sign,
 * all 64-bit integers, the first of duplicate keys, bytes that are not UTF-8, an optional byte order mark, and texts and
 * offsets (in bytes) of errors as RapidJSON has them. A NUL byte ends the document.
 *
 * @param repeated is told of duplicate keys.
 * @throws Status INVALID_ARGUMENT
 */
export function parseExactly(bytes: Uint8Array, repeated?: RepeatedKeys): JsonValue {
  return new Parser(bytes, repeated).document();
}

class Parser {
  #at = 0;
  #depth = 0;
  /** The document with a character for every byte: numbers are cut out of it. */
  readonly #characters: string;

  constructor(private readonly bytes: Uint8Array, private readonly repeated?: RepeatedKeys) {
    this.#characters = latin1.decode(bytes);
    checkParts(this.#characters);
  }

  document(): JsonValue {
    const { bytes } = this;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.#at = 3;
    if (this.#peekToken() === 0) throw malformedJson("The document is empty.", this.#at);
    const value = this.#value();
    if (this.#peekToken() !== 0) {
      throw malformedJson("The document root must not be followed by other values.", this.#at);
    }
    return value;
  }

  /** The byte at the cursor; 0 at the end. */
  #peek(): number {
    return this.#at < this.bytes.length ? this.bytes[this.#at] : 0;
  }

  /** The next byte that is no white space. */
  #peekToken(): number {
    for (;;) {
      const byte = this.#peek();
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at++;
    }
  }

  #consume(byte: number): boolean {
    if (this.#peek() !== byte) return false;
    this.#at++;
    return true;
  }

  #value(): JsonValue {
    switch (this.#peek()) {
      case 0x22: // "
        return this.#string();
      case 0x5b: // [
        return this.#array();
      case 0x7b: // {
        return this.#object();
      case 0x6e: // n
        return this.#literal("null", null);
      case 0x74: // t
        return this.#literal("true", true);
      case 0x66: // f
        return this.#literal("false", false);
      default:
        return this.#number();
    }
  }

  #literal<T>(word: string, value: T): T {
    for (let i = 0; i < word.length; i++) {
      if (!this.#consume(word.charCodeAt(i))) throw malformedJson(INVALID, this.#at);
    }
    return value;
  }

  #enter(): void {
    this.#at++;
    if (++this.#depth > MAX_DEPTH) throw jsonTooDeep(MAX_DATA_DEPTH);
  }

  #array(): JsonValue[] {
    this.#enter();
    const elements: JsonValue[] = [];
    if (this.#peekToken() !== 0x5d) {
      for (;;) {
        elements.push(this.#value());
        const next = this.#peekToken();
        if (next === 0x5d) break;
        if (next !== 0x2c) throw malformedJson("Missing a comma or ] after an array element.", this.#at);
        this.#at++;
        this.#peekToken();
      }
    }
    this.#at++;
    this.#depth--;
    // one that grew has room for 17, and there may be millions
    return elements.length < 17 ? elements.slice() : elements;
  }

  #object(): JsonObject {
    this.#enter();
    const members: JsonObject = Object.create(null);
    if (this.#peekToken() !== 0x7d) {
      for (;;) {
        if (this.#peek() !== 0x22) throw malformedJson("Missing a name for object member.", this.#at);
        const key = this.#string();
        if (this.#peekToken() !== 0x3a) {
          throw malformedJson("Missing a colon after a name of object member.", this.#at);
        }
        this.#at++;
        this.#peekToken();
        const value = this.#value();
        if (!(key in members)) members[key] = value;
        else if (this.repeated) repeat(this.repeated, members, key);
        const next = this.#peekToken();
        if (next === 0x7d) break;
        if (next !== 0x2c) throw malformedJson("Missing a comma or '}' after an object member.", this.#at);
        this.#at++;
        this.#peekToken();
      }
    }
    this.#at++;
    this.#depth--;
    return members;
  }

  #string(): string {
    const { bytes } = this;
    let start = ++this.#at;
    let text = "";
    for (;;) {
      const byte = this.#peek();
      if (byte === 0x22 || byte === 0x5c) {
        if (this.#at > start) text += decodeText(bytes.subarray(start, this.#at));
        if (byte === 0x22) {
          this.#at++;
          return text;
        }
        text += this.#escape();
        start = this.#at;
      } else if (byte < 0x20) {
        throw malformedJson(
          byte === 0 ? "Missing a closing quotation mark in string." : "Invalid encoding in string.",
          this.#at,
        );
      } else this.#at++;
    }
  }

  #escape(): string {
    const start = this.#at++;
    const kind = this.#peek();
    const named = NAMED.get(kind);
    if (named !== undefined) {
      this.#at++;
      return named;
    }
    if (kind !== 0x75) throw malformedJson("Invalid escape character in string.", start);
    this.#at++;
    const code = this.#hex(start);
    if (code < 0xd800 || code > 0xdfff) return String.fromCharCode(code);
    const paired = code <= 0xdbff && this.#consume(0x5c) && this.#consume(0x75);
    const low = paired ? this.#hex(start) : 0;
    if (low < 0xdc00 || low > 0xdfff) throw malformedJson("The surrogate pair in string is invalid.", start);
    return String.fromCharCode(code, low);
  }

  #hex(start: number): number {
    let code = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.#peek();
      const digit = byte >= 0x30 && byte <= 0x39
        ? byte - 0x30
        : byte >= 0x41 && byte <= 0x46
        ? byte - 0x37
        : byte >= 0x61 && byte <= 0x66
        ? byte - 0x57
        : -1;
      if (digit < 0) throw malformedJson("Incorrect hex digit after \\u escape in string.", start);
      code = code << 4 | digit;
      this.#at++;
    }
    return code;
  }

  /** Moves over digits; false where there is none. */
  #digits(): boolean {
    const start = this.#at;
    for (let byte = this.#peek(); byte >= 0x30 && byte <= 0x39; byte = this.#peek()) this.#at++;
    return this.#at > start;
  }

  #number(): JsonValue {
    const start = this.#at;
    const minus = this.#consume(0x2d);
    const first = this.#peek();
    if (first === 0x30) this.#at++;
    else if (!this.#digits()) return this.#notFinite(minus);
    let integer = true;
    if (this.#consume(0x2e)) {
      integer = false;
      if (!this.#digits()) throw malformedJson("Miss fraction part in number.", this.#at);
    }
    const exponent = this.#peek();
    if (exponent === 0x65 || exponent === 0x45) {
      integer = false;
      this.#at++;
      if (this.#peek() === 0x2b || this.#peek() === 0x2d) this.#at++;
      if (!this.#digits()) throw malformedJson("Miss exponent in number.", this.#at);
    }
    const text = this.#characters.slice(start, this.#at);
    const value = Number(text);
    if (!Number.isFinite(value)) throw malformedJson("Number too big to be stored in double.", start);
    if (!integer) return Number.isInteger(value) ? new JsonDouble(value, text) : value;
    if (Number.isSafeInteger(value)) return value;
    const exact = BigInt(text);
    return exact >= INT64_MIN && exact <= UINT64_MAX ? exact : new JsonDouble(value, text);
  }

  /** `NaN`, `Inf` or `Infinity`, after an optional minus sign. */
  #notFinite(minus: boolean): JsonDouble {
    if (this.#peek() === 0x4e) {
      this.#literal("NaN", null);
      return NOT_A_NUMBER;
    }
    this.#literal("Inf", null);
    if (this.#peek() === 0x69) this.#literal("inity", null);
    return minus ? NEGATIVE_INFINITY : INFINITY;
  }
}

function repeat(repeated: RepeatedKeys, members: JsonObject, key: string): void {
  const keys = repeated.get(members);
  if (keys) keys.add(key);
  else repeated.set(members, new Set([key]));
}
