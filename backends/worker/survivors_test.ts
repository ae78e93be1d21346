import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { Survivors } from "./survivors.ts";

const REASON = new Status("UNAVAILABLE", "it hangs");

/** Instances that count how often they were told to look for work. */
function setUp(interchangeable?: boolean) {
  const survivors = new Survivors(interchangeable);
  const instances = [false, false, true].map((passive) => {
    const instance = { passive, calls: 0, onAvailable: () => void instance.calls++ };
    survivors.add(instance);
    return instance;
  });
  const lost: Status[] = [];
  survivors.lost.then((reason) => lost.push(reason));
  return { survivors, instances, lost };
}

Deno.test("giveUp() leaves requests to the other instances, and to all of them when none is left", async () => {
  const { survivors, instances: [a, b, passive], lost } = setUp();
  survivors.giveUp(a, REASON);
  await Promise.resolve();
  assert.deepEqual([survivors.any, a.calls, b.calls, lost], [true, 0, 0, []]);
  survivors.giveUp(b, REASON);
  await Promise.resolve();
  assert.deepEqual([survivors.any, a.calls, b.calls, passive.calls], [false, 1, 1, 0]);
  assert.deepEqual(lost, [REASON]);
});

Deno.test("giveUp() has an instance refuse at once where its requests are for no other one", async () => {
  const { survivors, instances: [a, b], lost } = setUp(false);
  survivors.giveUp(a, REASON);
  await Promise.resolve();
  assert.deepEqual([survivors.any, a.calls, b.calls, lost], [false, 1, 0, []]);
  survivors.giveUp(b, REASON);
  await Promise.resolve();
  assert.deepEqual([a.calls, b.calls, lost], [1, 1, [REASON]]);
});

Deno.test("remove() and instances that take no requests lose nothing", async () => {
  const { survivors, instances: [a, b, passive], lost } = setUp();
  survivors.giveUp(passive, REASON);
  survivors.remove(a);
  survivors.remove(b);
  survivors.giveUp(b, REASON);
  await Promise.resolve();
  assert.deepEqual(lost, []);
});
