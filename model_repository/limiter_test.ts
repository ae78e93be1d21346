import assert from "node:assert/strict";
import { Limiter } from "./limiter.ts";

Deno.test("run() lets as many tasks run as the limit says, in order, and goes on after a failure", async () => {
  const limiter = new Limiter(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const tasks = [0, 1, 2, 3].map((n) =>
    limiter.run(async () => {
      started.push(n);
      await new Promise<void>((resolve) => ends[n] = resolve);
      if (n === 0) throw new Error("failed");
      return n;
    })
  );
  const turns = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  await turns();
  assert.deepEqual(started, [0, 1]);
  ends[0]();
  await assert.rejects(tasks[0], /failed/);
  await turns();
  assert.deepEqual(started, [0, 1, 2]);
  ends[2]();
  await turns();
  ends[3]();
  ends[1]();
  assert.deepEqual(await Promise.all(tasks.slice(1)), [1, 2, 3]);
  assert.equal(await limiter.run(() => Promise.resolve("later")), "later");
});
