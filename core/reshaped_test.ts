import assert from "node:assert/strict";
import { reshaped } from "./reshaped.ts";

Deno.test("reshaped() fills free dimensions in order and keeps the batch", () => {
  assert.deepEqual(reshaped([4], [4], [2, 2], 0), [2, 2]);
  assert.deepEqual(reshaped([3, 2, 2], [2, 2], [4], 1), [3, 4]);
  assert.deepEqual(reshaped([5, 7, 3, 9], [-1, 3, -1], [3, -1, -1, 1], 1), [5, 3, 7, 9, 1]);
  assert.deepEqual(reshaped([2, 1], [1], [], 1), [2]);
});
