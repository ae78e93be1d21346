import assert from "node:assert/strict";
import { Heap } from "./heap.ts";

Deno.test("Heap gives what was pushed in order", () => {
  const heap = new Heap<number>((a, b) => a < b);
  const numbers = Array.from({ length: 500 }, (_, i) => (i * 7919) % 503);
  for (const number of numbers) heap.push(number);
  assert.equal(heap.peek(), 0);
  const got = numbers.map(() => heap.pop());
  assert.deepEqual(got, numbers.toSorted((a, b) => a - b));
  assert.equal(heap.pop(), undefined);
  assert.equal(heap.length, 0);
});

Deno.test("Heap takes items between those it gives", () => {
  const heap = new Heap<number>((a, b) => a < b);
  heap.push(5);
  heap.push(1);
  assert.equal(heap.pop(), 1);
  heap.push(3);
  heap.push(9);
  assert.deepEqual([heap.pop(), heap.pop(), heap.pop(), heap.pop()], [3, 5, 9, undefined]);
});
