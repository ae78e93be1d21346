const ESCAPED: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
  "?": 63,
};
const OCTAL = /[0-7]{1,3}/y;
const HEXADECIMAL = /[0-9A-Fa-f]{1,2}/y;
const UNICODE = /[0-9A-Fa-f]{4}/y;
const LONG_UNICODE = /(?:000[0-9A-Fa-f]|0010)[0-9A-Fa-f]{4}/y;
const LOW_SURROGATE = /\\u([dD][c-fC-F][0-9A-Fa-f]{2})/y;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where a literal has an escape that does not exist, counted in characters from its opening quote. */
export class EscapeError extends Error {
  constructor(readonly offset: number) {
    super("invalid escape sequence");
  }
}

/**
 * The text that adjacent string literals stand for. Octal and hexadecimal escapes are bytes, so that several of them, over
 * literals too, can make up one character.
 *
 * @param literals with their quotes.
 * @throws EscapeError, or TypeError where the bytes are not UTF-8.
 */
export function decodeLiterals(literals: readonly string[]): string {
  const plain = literals.map((literal) => literal.slice(1, -1));
  if (plain.every((text) => !text.includes("\\"))) return plain.join("");
  return decoder.decode(Uint8Array.from(plain.flatMap(bytesOf)));
}

function bytesOf(text: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < text.length;) {
    const escape = text.indexOf("\\", at);
    const end = escape < 0 ? text.length : escape;
    for (const byte of encoder.encode(text.slice(at, end))) bytes.push(byte);
    at = end;
    if (escape >= 0) at = readEscape(text, escape, bytes);
  }
  return bytes;
}

/** Reads the escape at `at` into `bytes` and returns where it ends. */
function readEscape(text: string, at: number, bytes: number[]): number {
  const letter = text[at + 1];
  const match = (pattern: RegExp, from: number): RegExpExecArray | null => {
    pattern.lastIndex = from;
    return pattern.exec(text);
  };
  if (letter in ESCAPED) {
    bytes.push(ESCAPED[letter]);
    return at + 2;
  }
  const octal = match(OCTAL, at + 1);
  if (octal) {
    bytes.push(parseInt(octal[0], 8) & 255);
    return at + 1 + octal[0].length;
  }
  if (letter === "x" || letter === "X") {
    const hexadecimal = match(HEXADECIMAL, at + 2);
    if (hexadecimal) {
      bytes.push(parseInt(hexadecimal[0], 16));
      return at + 2 + hexadecimal[0].length;
    }
  }
  if (letter === "u" || letter === "U") {
    const digits = match(letter === "u" ? UNICODE : LONG_UNICODE, at + 2);
    if (digits) {
      const unit = parseInt(digits[0], 16);
      let end = at + 2 + digits[0].length;
      let character = String.fromCodePoint(unit);
      const low = unit >= 0xd800 && unit < 0xdc00 ? match(LOW_SURROGATE, end) : null;
      if (low) {
        character = String.fromCharCode(unit, parseInt(low[1], 16));
        end += low[0].length;
      }
      // A surrogate without its other half is no character: it falls to the escape error.
      if (low || unit < 0xd800 || unit > 0xdfff) {
        for (const byte of encoder.encode(character)) bytes.push(byte);
        return end;
      }
    }
  }
  throw new EscapeError(at + 1);
}
