import assert from "node:assert/strict";
import { joinBytes } from "./bytes.ts";

Deno.test("joinBytes() puts views of any buffers one after another", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const parts = [bytes.subarray(3), new Uint8Array(0), bytes.subarray(0, 2)];
  for (const joined of [joinBytes(parts), joinBytes(parts, 4)]) assert.deepEqual(joined, Uint8Array.of(4, 5, 1, 2));
});

Deno.test("joinBytes() copies, even a single part or none", () => {
  const part = Uint8Array.of(1, 2);
  const joined = joinBytes([part]);
  part[0] = 9;
  assert.deepEqual(joined, Uint8Array.of(1, 2));
  assert.deepEqual(joinBytes([]), new Uint8Array(0));
});
