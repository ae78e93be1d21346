import { joinBytes } from "../../core/bytes.ts";

/**
 * Text whose encoding nobody promised. JSON of the protocol carries the bytes of `BYTES` elements as they are, UTF-8 or
 * not. In a JavaScript string a byte that is not part of UTF-8 is the lone surrogate U+DC00 + byte, as in Python's
 * `surrogateescape` (PEP 383): nothing is lost on the way from bytes to bytes.
 */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Bytes to text; what is not UTF-8 becomes lone surrogates. */
export function decodeText(bytes: Uint8Array): string {
  // Most strings are short and ASCII: cheaper here than by the decoder.
  if (bytes.length <= 32) {
    let text = "";
    let i = 0;
    for (; i < bytes.length && bytes[i] < 0x80; i++) text += String.fromCharCode(bytes[i]);
    if (i === bytes.length) return text;
  }
  try {
    return strict.decode(bytes);
  } catch {
    return decodePieces(bytes);
  }
}

/** Text to bytes: the inverse of {@link decodeText}. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  if (text.isWellFormed()) return encoder.encode(text);
  const parts: Uint8Array[] = [];
  // Runs of escaped bytes, and what is between them.
  for (const piece of text.split(/((?<![\ud800-\udbff])[\udc80-\udcff]+)/)) {
    const escaped = piece !== "" && !piece.isWellFormed();
    parts.push(escaped ? Uint8Array.from(piece, (char) => char.charCodeAt(0) & 0xff) : encoder.encode(piece));
  }
  return joinBytes(parts);
}

/** A JSON string literal; escaped bytes stay as they are. */
export function quoteText(text: string): string {
  if (text.isWellFormed()) return JSON.stringify(text);
  // JSON.stringify writes lone surrogates as \udcxx.
  return JSON.stringify(text).replace(/\\ud([c-f][0-9a-f]{2})/g, (escape, digits) => {
    const code = parseInt(`d${digits}`, 16);
    return code >= 0xdc80 && code <= 0xdcff ? String.fromCharCode(code) : escape;
  });
}

function decodePieces(bytes: Uint8Array): string {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    if (at > start) parts.push(strict.decode(bytes.subarray(start, at)));
    parts.push(String.fromCharCode(0xdc00 | bytes[at]));
    start = ++at;
  }
  if (start < bytes.length) parts.push(strict.decode(bytes.subarray(start)));
  return parts.join("");
}

/** Bytes of the well-formed UTF-8 sequence at `at`, 0 if there is none (RFC 3629, section 4). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  if (lead < 0x80) return 1;
  const tail = (i: number, low = 0x80, high = 0xbf) => bytes[at + i] >= low && bytes[at + i] <= high;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    return tail(1, lead === 0xe0 ? 0xa0 : 0x80, lead === 0xed ? 0x9f : 0xbf) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    return tail(1, lead === 0xf0 ? 0x90 : 0x80, lead === 0xf4 ? 0x8f : 0xbf) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}
