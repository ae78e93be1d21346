import assert from "node:assert/strict";
import { bridgedShape, compatible } from "./bridge.ts";

Deno.test("bridgedShape() puts a 1 before what a model without batches makes for one with them", () => {
  assert.deepEqual(bridgedShape([4], 0, [4], true), [1, 4]);
  assert.deepEqual(bridgedShape([3, 4], 0, [-1, 4], true), [1, 3, 4]);
  // already rows of what the reader wants
  assert.deepEqual(bridgedShape([3, 4], 0, [4], true), [3, 4]);
});

Deno.test("bridgedShape() takes a leading 1 from what does not fit a model without batches", () => {
  assert.deepEqual(bridgedShape([1, 4], 1, [4], false), [4]);
  // the reader takes it as it is
  assert.deepEqual(bridgedShape([1, 4], 1, [-1, 4], false), [1, 4]);
  // two rows cannot become one: the reader says what is wrong
  assert.deepEqual(bridgedShape([2, 4], 2, [4], false), [2, 4]);
  assert.deepEqual(bridgedShape([3, 4], 1, [4], false), [3, 4]);
});

Deno.test("bridgedShape() leaves alone what both sides see alike", () => {
  const shape = [2, 4];
  assert.equal(bridgedShape(shape, 2, [4], true), shape);
  assert.equal(bridgedShape(shape, 0, [7], false), shape);
});

Deno.test("compatible() takes -1 for any dimension, and no other rank", () => {
  assert.equal(compatible([-1, 2], [5, -1]), true);
  assert.equal(compatible([], []), true);
  assert.equal(compatible([2], [3]), false);
  assert.equal(compatible([-1], [1, 1]), false);
});
