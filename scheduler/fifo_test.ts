import assert from "node:assert/strict";
import { Fifo } from "./fifo.ts";

Deno.test("Fifo gives what was pushed in order, however much went through it", () => {
  const fifo = new Fifo<number>();
  const got: number[] = [];
  for (let i = 0; i < 10_000; i++) {
    fifo.push(i);
    if (i % 3 !== 0) got.push(fifo.shift()!);
  }
  while (fifo.length > 0) got.push(fifo.shift()!);
  assert.deepEqual(got, Array.from({ length: 10_000 }, (_, i) => i));
  assert.equal(fifo.shift(), undefined);
});

Deno.test("keep() drops the others and leaves the order", () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 10; i++) fifo.push(i);
  fifo.shift();
  fifo.keep((item) => item % 2 === 0);
  fifo.push(11);
  assert.deepEqual(Array.from({ length: fifo.length }, () => fifo.shift()), [2, 4, 6, 8, 11]);
});

Deno.test("mostlyGone() is true when more than half are of no use, and not for a few", () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 200; i++) fifo.push(i);
  assert.deepEqual([64, 100, 101].map((gone) => fifo.mostlyGone(gone)), [false, false, true]);
});
