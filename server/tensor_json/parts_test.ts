import assert from "node:assert/strict";
import { readJson } from "./document.ts";
import { parseExactly } from "./parser.ts";
import { checkParts, MAX_ARRAYS, MAX_MEMBERS } from "./parts.ts";

const list = (part: string, count: number) => `[${new Array(count).fill(part).join(",")}]`;

Deno.test("checkParts() refuses more objects, members or arrays than requests have", () => {
  const members = Array.from({ length: MAX_MEMBERS }, (_, i) => `"k${i}":1`).join();
  for (
    const [text, what] of [
      [list("{}", MAX_MEMBERS + 1), /more than 65536 objects and members/],
      [`{${members}}`, /objects and members/],
      [list('{"a":1}', MAX_MEMBERS / 2 + 1), /objects and members/],
      [list("[]", MAX_ARRAYS), /more than 4194304 arrays/],
      [`["\\\\",${list("{}", MAX_MEMBERS + 1)}`, /objects and members/],
    ] as const
  ) {
    assert.throws(() => checkParts(text), what);
    const bytes = new TextEncoder().encode(text);
    assert.throws(() => readJson(bytes), what);
    assert.throws(() => parseExactly(bytes), what);
  }
});

Deno.test("checkParts() lets pass as many as it allows, and any that are within strings", () => {
  for (
    const text of [
      list("{}", MAX_MEMBERS),
      list("[1]", MAX_ARRAYS - 1),
      list('"{[:\\"{[:\\\\"', MAX_MEMBERS),
      `"${"{".repeat(5 * MAX_MEMBERS)}`,
      list("1", 1_000_000),
    ]
  ) checkParts(text);
});
