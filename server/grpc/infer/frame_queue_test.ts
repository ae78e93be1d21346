import assert from "node:assert/strict";
import { isCollected } from "../../../core/testing/garbage.ts";
import { FrameQueue } from "./frame_queue.ts";

function queueOf(): { queue: FrameQueue; told: string[] } {
  const told: string[] = [];
  return { queue: new FrameQueue(() => told.push("room"), () => told.push("gone")), told };
}

const frame = (size: number, value = 0) => new Uint8Array(size).fill(value);

Deno.test("next() gives small frames together, large ones alone, and the end", async () => {
  const { queue } = queueOf();
  const waiting = queue.next();
  queue.push(frame(3, 1));
  assert.deepEqual(await waiting, { done: false, value: frame(3, 1) });
  queue.push(frame(2, 1));
  queue.push(frame(1, 2));
  queue.push(frame(40_000, 3));
  queue.push(frame(1, 4));
  assert.deepEqual((await queue.next()).value, Uint8Array.of(1, 1, 2));
  assert.equal((await queue.next()).value.length, 40_000);
  assert.deepEqual((await queue.next()).value, Uint8Array.of(4));
  const last = queue.next();
  queue.end();
  assert.equal((await last).done, true);
  assert.equal((await queue.next()).done, true);
});

Deno.test("end() lets what was pushed leave first, and takes nothing more", async () => {
  const { queue } = queueOf();
  queue.push(frame(1, 1));
  queue.end();
  queue.push(frame(1, 2));
  assert.deepEqual((await queue.next()).value, Uint8Array.of(1));
  assert.equal((await queue.next()).done, true);
});

Deno.test("full is true from 256 frames or 4 MiB on, until they have left", async () => {
  for (const [count, size] of [[256, 200], [4, 1 << 20]]) {
    const { queue, told } = queueOf();
    for (let i = 0; i < count - 1; i++) queue.push(frame(size));
    assert.equal(queue.full, false);
    assert.equal(queue.room(), undefined);
    queue.push(frame(size));
    assert.equal(queue.full, true);
    const room = queue.room();
    assert.ok(room);
    await queue.next();
    await room;
    assert.deepEqual([queue.full, told], [false, ["room"]]);
  }
});

Deno.test("return() forgets what is left, frees who waits for room and tells that nobody reads", async () => {
  const { queue, told } = queueOf();
  for (let i = 0; i < 300; i++) queue.push(frame(1));
  const room = queue.room();
  await queue.return();
  await room;
  assert.deepEqual(told, ["gone"]);
  assert.equal((await queue.next()).done, true);
});

Deno.test("next() keeps the order over many more frames than may wait", async () => {
  const { queue } = queueOf();
  let expected = 0;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 100; i++) queue.push(new Uint8Array(new Uint32Array([round * 100 + i]).buffer));
    const { value } = await queue.next();
    for (const number of new Uint32Array(value.slice().buffer)) assert.equal(number, expected++);
  }
  assert.equal(expected, 5000);
});

Deno.test("next() keeps no frame that has left while others wait", async () => {
  const { queue } = queueOf();
  const left = new WeakRef(frame(40_000));
  queue.push(left.deref()!);
  for (let i = 0; i < 10; i++) queue.push(frame(40_000));
  assert.equal((await queue.next()).value.length, 40_000);
  assert.ok(await isCollected(left));
  assert.equal((await queue.next()).value.length, 40_000);
});
