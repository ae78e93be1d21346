import assert from "node:assert/strict";
import { decodeHuffman } from "./huffman.ts";

function decode(bits: string): string | undefined {
  const padded = bits.replaceAll(/[ |]/g, "").padEnd(Math.ceil(bits.replaceAll(/[ |]/g, "").length / 8) * 8, "1");
  const bytes = Uint8Array.from(padded.match(/.{8}/g) ?? [], (byte) => parseInt(byte, 2));
  return decodeHuffman(bytes, 0, bytes.length);
}

/** Codes of RFC 7541, appendix B, of each length. */
const CODES: [symbol: number, code: string][] = [
  [0x30, "00000"],
  [0x74, "01001"],
  [0x20, "010100"],
  [0x25, "010101"],
  [0x41, "100001"],
  [0x75, "101101"],
  [0x3a, "1011100"],
  [0x7a, "1111011"],
  [0x26, "11111000"],
  [0x5a, "11111101"],
  [0x21, "1111111000"],
  [0x3f, "1111111100"],
  [0x27, "11111111010"],
  [0x7c, "11111111100"],
  [0x23, "111111111010"],
  [0x3e, "111111111011"],
  [0x00, "1111111111000"],
  [0x7e, "1111111111101"],
  [0x5e, "11111111111100"],
  [0x7d, "11111111111101"],
  [0x3c, "111111111111100"],
  [0x7b, "111111111111110"],
  [0x5c, "1111111111111110000"],
  [0xd0, "1111111111111110010"],
  [0x80, "11111111111111100110"],
  [0x99, "111111111111111011100"],
  [0x81, "1111111111111111010010"],
  [0x01, "11111111111111111011000"],
  [0xff, "11111111111111111111101110"],
  [0xc0, "11111111111111111111100000"],
  [0xcb, "111111111111111111111011110"],
  [0x02, "1111111111111111111111100010"],
  [0x13, "1111111111111111111111110000"],
  [0x0a, "111111111111111111111111111100"],
  [0x0d, "111111111111111111111111111101"],
  [0x16, "111111111111111111111111111110"],
];

Deno.test("decodeHuffman() knows codes of every length", () => {
  for (const [symbol, code] of CODES) {
    assert.equal(decode(code), String.fromCharCode(symbol), code);
    assert.equal(decode(code + "00011" + code), `${String.fromCharCode(symbol)}a${String.fromCharCode(symbol)}`, code);
  }
});

Deno.test("decodeHuffman() has 256 symbols, each once", () => {
  const seen = new Set<string>();
  // every symbol has at most 30 bits; walk all codes by asking for prefixes followed by ones
  const walk = (prefix: string) => {
    if (prefix.length > 30) return;
    for (const bit of ["0", "1"]) {
      const code = prefix + bit;
      const text = decode(code + "00000"); // "0" follows where the code is complete
      if (text?.endsWith("0") && text.length === 2) seen.add(text[0]);
      else walk(code);
    }
  };
  walk("1111");
  for (const prefix of ["0", "10", "110", "1110"]) walk(prefix);
  assert.equal(seen.size, 256);
});

Deno.test("decodeHuffman() takes up to 7 bits of padding, all ones", () => {
  assert.equal(decodeHuffman(new Uint8Array(0), 0, 0), "");
  assert.equal(decode("00011|111"), "a");
  assert.equal(decode("00011|00011|00011|1"), "aaa");
  assert.equal(decode("11111000"), "&");
  assert.equal(decodeHuffman(Uint8Array.of(0xf8, 0xff), 0, 2), undefined);
  assert.equal(decode("00011|110"), undefined);
});

Deno.test("decodeHuffman() refuses the end of string", () => {
  assert.equal(decode("1".repeat(30)), undefined);
  assert.equal(decode("00011" + "1".repeat(30) + "00011"), undefined);
});

Deno.test("decodeHuffman() reads texts longer than a function takes arguments", () => {
  const bytes = new Uint8Array(125_000); // "0" is five zeros
  assert.equal(decodeHuffman(bytes, 0, bytes.length), "0".repeat(200_000));
});
