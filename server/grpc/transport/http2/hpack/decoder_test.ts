import assert from "node:assert/strict";
import { CompressionError, HeaderDecoder } from "./decoder.ts";
import { encodeFields } from "./encoder.ts";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function decoder(tableSize = 4096, listSize = 65_536): HeaderDecoder {
  return new HeaderDecoder(tableSize, listSize);
}

/** Fields as `name: value`. */
function fieldsOf(from: HeaderDecoder, hex: string): string[] {
  return from.decode(bytes(hex)).fields.map(({ name, value }) => `${name}: ${value}`);
}

const REQUESTS = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
];
const FIRST_DATE = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const LOCATION = "location: https://www.example.com";
const RESPONSES = [
  [":status: 302", "cache-control: private", FIRST_DATE, LOCATION],
  [":status: 307", "cache-control: private", FIRST_DATE, LOCATION],
  [
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    LOCATION,
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];

/** RFC 7541, appendix C.3 to C.6: blocks of one connection, and the size of its table. */
const EXAMPLES: [name: string, tableSize: number, expected: string[][], blocks: string[]][] = [
  ["C.3 requests", 4096, REQUESTS, [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ]],
  ["C.4 requests in the Huffman code", 4096, REQUESTS, [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ]],
  ["C.5 responses, with eviction", 256, RESPONSES, [
    "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54" +
    "6e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "4803 3330 37c1 c0bf",
    "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d" +
    "4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572" +
    "7369 6f6e 3d31",
  ]],
  ["C.6 responses in the Huffman code, with eviction", 256, RESPONSES, [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b" +
    "97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf" +
    "cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
  ]],
];

for (const [name, tableSize, expected, blocks] of EXAMPLES) {
  Deno.test(`decode() reads the examples of RFC 7541, ${name}`, () => {
    const from = decoder(tableSize);
    assert.deepEqual(blocks.map((block) => fieldsOf(from, block)), expected);
  });
}

Deno.test("decode() reads each form of a field (RFC 7541, C.2)", () => {
  const from = decoder();
  assert.deepEqual(fieldsOf(from, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), [
    "custom-key: custom-header",
  ]);
  assert.deepEqual(fieldsOf(from, "040c 2f73 616d 706c 652f 7061 7468"), [":path: /sample/path"]);
  assert.deepEqual(fieldsOf(from, "1008 7061 7373 776f 7264 0673 6563 7265 74"), ["password: secret"]);
  assert.deepEqual(fieldsOf(from, "82 be"), [":method: GET", "custom-key: custom-header"]);
  assert.throws(() => fieldsOf(from, "bf"), /there is no field with index 63/);
});

Deno.test("decode() reads integers of several bytes (RFC 7541, C.1)", () => {
  const value = "61".repeat(1337);
  // 1337 with 7 bits: 127 + 1210
  assert.deepEqual(fieldsOf(decoder(), `0001 62 7f ba09 ${value}`), [`b: ${"a".repeat(1337)}`]);
});

Deno.test("decode() keeps bytes above 0x7f as they are, in either form", () => {
  const all = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0")).join("");
  const [field] = decoder().decode(bytes(`0001 62 7f 8101 ${all}`)).fields;
  assert.deepEqual([...field.value].map((char) => char.charCodeAt(0)), Array.from({ length: 256 }, (_, i) => i));
});

Deno.test("decode() follows the size of the table as the client changes it", () => {
  const from = decoder();
  const add = (name: string) => `40 01 ${name} 01 78`; // 34 bytes in the table
  assert.deepEqual(fieldsOf(from, `${add("61")} ${add("62")} be bf`), ["a: x", "b: x", "b: x", "a: x"]);
  assert.deepEqual(fieldsOf(from, "3f 25 bf"), ["a: x"]); // 68 bytes: both are there
  assert.deepEqual(fieldsOf(from, "3f 24 be"), ["b: x"]); // 67 bytes: the older one is gone
  assert.throws(() => fieldsOf(from, "bf"), CompressionError);
  assert.deepEqual(fieldsOf(from, "20 3f e1 1f"), []); // nothing, then 4096 again
  assert.throws(() => fieldsOf(from, "be"), CompressionError);
  assert.deepEqual(fieldsOf(from, `${add("63")} be`), ["c: x", "c: x"]);
});

Deno.test("decode() empties the table for a field that is larger, whose name may come from it", () => {
  const from = decoder(64);
  assert.deepEqual(fieldsOf(from, "40 01 61 01 78"), ["a: x"]);
  assert.deepEqual(fieldsOf(from, `7e 40 ${"79".repeat(64)}`), [`a: ${"y".repeat(64)}`]);
  assert.throws(() => fieldsOf(from, "be"), CompressionError);
});

Deno.test("decode() leaves out what is beyond the limit, and goes on", () => {
  const from = decoder(4096, 100);
  const { fields, tooLarge } = from.decode(bytes(`40 01 61 01 78 be be 40 01 62 01 79`)); // 34 bytes each
  assert.deepEqual([fields.length, tooLarge], [2, true]);
  assert.deepEqual(fieldsOf(from, "be"), ["b: y"]);
});

Deno.test("decode() refuses what is no header block", () => {
  for (
    const [what, hex] of [
      ["index 0", "80"],
      ["an index beyond the tables", "be"],
      ["an index far beyond", "ff ff ff ff 07"],
      ["an integer that is too large", "ff ff ff ff ff ff ff ff ff ff 00"],
      ["an integer that breaks off", "ff ff"],
      ["a field without a value", "40 01 61"],
      ["a field that breaks off", "40 05 61"],
      ["a value that breaks off", "40 01 61 05 61"],
      ["a name with an index beyond the tables", "7f 00 01 61"],
      ["a larger table than was offered", "3f e2 1f"],
      ["a new table size behind a field", "82 20"],
      ["padding of more than 7 bits", "40 01 61 82 1f ff"],
      ["padding of zeros", "40 01 61 81 18"],
      ["the end of a string within it", "40 01 61 84 ff ff ff ff"],
    ]
  ) assert.throws(() => decoder().decode(bytes(hex)), CompressionError, what);
});

Deno.test("decode() reads what encodeFields() writes, whatever it is", () => {
  let seed = 7;
  const random = (below: number) => (seed = seed * 48271 % 2147483647) % below;
  const text = (length: number) => Array.from({ length }, () => String.fromCharCode(0x20 + random(0x5f))).join("");
  const from = decoder(4096, 1 << 24);
  for (let round = 0; round < 200; round++) {
    const fields = Array.from({ length: random(20) }, () => {
      const name = random(3) === 0
        ? ["date", ":path", "content-type", "www-authenticate"][random(4)]
        : text(random(300));
      return [name, text(random(random(5) === 0 ? 40_000 : 200))] as const;
    });
    const decoded = from.decode(encodeFields(fields)).fields;
    assert.deepEqual(decoded.map(({ name, value }) => [name, value]), fields);
  }
});
