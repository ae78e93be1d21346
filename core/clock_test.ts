import assert from "node:assert/strict";
import { systemClock } from "./clock.ts";

Deno.test("systemClock.after() waits also for longer than one timer can", async () => {
  let called = false;
  const cancel = systemClock.after(2 ** 32 - 1, () => called = true);
  await new Promise((resolve) => systemClock.after(5, () => resolve(undefined)));
  assert.equal(called, false);
  cancel();
});
