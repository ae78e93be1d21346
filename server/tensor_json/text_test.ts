import assert from "node:assert/strict";
import { decodeText, encodeText, quoteText } from "./text.ts";

const SAMPLES: Uint8Array[] = [
  new Uint8Array(0),
  new TextEncoder().encode("plain ASCII"),
  new TextEncoder().encode("longer than what is decoded by hand, and plain ASCII all the way to its end"),
  new TextEncoder().encode("é€😀\ufeff"),
  Uint8Array.of(0xff, 0xfe),
  Uint8Array.of(0x61, 0x80, 0xc3, 0xa9, 0xc3),
  // Overlong, surrogate and too big forms are no UTF-8.
  Uint8Array.of(0xc0, 0x80, 0xe0, 0x80, 0x80, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xf5),
  Uint8Array.of(0xf0, 0x9f, 0x98, 0x80, 0xf0, 0x9f, 0x98),
  Uint8Array.from({ length: 256 }, (_, i) => i),
];

Deno.test("encodeText() gives back the bytes that decodeText() was given", () => {
  for (const sample of SAMPLES) assert.deepEqual(encodeText(decodeText(sample)), sample);
});

Deno.test("decodeText() is UTF-8 where the bytes are", () => {
  assert.equal(decodeText(SAMPLES[3]), "é€😀\ufeff");
  assert.equal(decodeText(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9)), "a\udcffé");
});

Deno.test("quoteText() writes JSON strings and leaves bytes that are not UTF-8 alone", () => {
  assert.equal(quoteText('a"\\\n\0/<é'), '"a\\"\\\\\\n\\u0000/<é"');
  assert.deepEqual(
    encodeText(quoteText(decodeText(Uint8Array.of(0, 0xff)))),
    Uint8Array.from('"\\u0000\xff"', (c) => c.charCodeAt(0)),
  );
});
