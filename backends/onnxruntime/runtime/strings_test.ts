import assert from "node:assert/strict";
import { encodeBytes } from "../../../core/tensor.ts";
import { checkStringInput, decodeStringInput } from "./strings.ts";

const GOOD = ["", "9", "plain", "exactly16 letters", "héllo", "漢字かな", "😀", "\ufeffmark", "x".repeat(70_000)];

const BAD: readonly (readonly [string, Uint8Array | string, RegExp])[] = [
  ["a short one with a NUL", "a\0b", /contains a NUL byte/],
  ["nothing but a NUL", "\0", /contains a NUL byte/],
  ["a long one with a NUL at its end", `${"x".repeat(70_000)}\0`, /contains a NUL byte/],
  ["a NUL among other letters", "漢\0字", /contains a NUL byte/],
  ["bytes that begin no letter", Uint8Array.of(0xff, 0xfe), /is not valid UTF-8/],
  ["half a letter", Uint8Array.of(0x61, 0xe6, 0xbc), /is not valid UTF-8/],
  ["half a surrogate pair", Uint8Array.of(0xed, 0xa0, 0x80), /is not valid UTF-8/],
];

for (const use of [checkStringInput, decodeStringInput]) {
  Deno.test(`${use.name}() takes strings that ONNX Runtime takes`, () => {
    for (const strings of [GOOD, [], [""], ["end", ""]]) use({ name: "IN", data: encodeBytes(strings) }, "m");
  });

  for (const [what, element, text] of BAD) {
    Deno.test(`${use.name}() names the tensor and the element when it meets ${what}`, () => {
      for (const index of [0, 2]) {
        const elements = ["fine", "", ...GOOD].toSpliced(index, 0, element as string);
        assert.throws(
          () => use({ name: "IN", data: encodeBytes(elements) }, "m"),
          (error: Error & { code: string }) => {
            assert.equal(error.code, "INVALID_ARGUMENT");
            assert.match(error.message, text);
            return error.message.startsWith(`element ${index} of BYTES input 'IN' for model 'm' `);
          },
        );
      }
    });
  }
}

Deno.test("decodeStringInput() reads memory that is shared", () => {
  const data = encodeBytes(GOOD);
  const shared = new Uint8Array(new SharedArrayBuffer(data.length));
  shared.set(data);
  assert.deepEqual(decodeStringInput({ name: "IN", data: shared }, "m"), GOOD);
});
