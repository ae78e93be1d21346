import assert from "node:assert/strict";
import { type ResourceCount, type ResourceNeed, Resources } from "./resources.ts";

const need = (name: string, count: number, global = false): ResourceNeed => ({ name, count, global });

/** Whether needs fit, one after the other, each taken if it does. */
function fill(resources: Resources, ...all: ReturnType<Resources["add"]>[]): boolean[] {
  return all.map((needs) => {
    const free = resources.free(needs);
    if (free) resources.take(needs);
    return free;
  });
}

Deno.test("Resources has as much as the instance needs that needs most, while no option says otherwise", () => {
  const resources = new Resources([]);
  const small = resources.add("small", 0, [need("R", 1)]);
  const large = resources.add("large", 0, [need("R", 3)]);
  assert.deepEqual(fill(resources, small, large, small, small, small), [true, false, true, true, false]);
  for (let i = 0; i < 3; i++) resources.giveBack(small);
  assert.deepEqual(fill(resources, large, small), [true, false]);
});

Deno.test("Resources shrinks again when the instance is gone that needed most", () => {
  const resources = new Resources([]);
  const small = resources.add("small", 0, [need("R", 1)]);
  const large = resources.add("large", 0, [need("R", 3)]);
  resources.remove(large);
  assert.deepEqual(fill(resources, small, small), [true, false]);
});

Deno.test("Resources counts devices apart, and global resources together", () => {
  const resources = new Resources([]);
  const [local, other] = [0, 1].map((device) => resources.add("g", device, [need("R", 1)]));
  assert.deepEqual(fill(resources, local, other, local), [true, true, false]);
  const [one, two] = [0, 1].map((device) => resources.add("h", device, [need("G", 1, true)]));
  assert.deepEqual(fill(resources, one, two), [true, false]);
});

Deno.test("Resources takes all that an instance needs, or nothing", () => {
  const resources = new Resources([{ name: "A", count: 2 }, { name: "B", count: 1 }]);
  const both = resources.add("both", 0, [need("A", 1), need("B", 1)]);
  const a = resources.add("a", 0, [need("A", 1)]);
  assert.deepEqual(fill(resources, both, both, a, a), [true, false, true, false]);
});

Deno.test("Resources goes by the options: for every device, for one, and the largest for a global resource", () => {
  const given: ResourceCount[] = [
    { name: "R", count: 2 },
    { name: "R", count: 3, device: 1 },
    { name: "G", count: 1, device: 0 },
    { name: "G", count: 2, device: 7 },
  ];
  const resources = new Resources(given);
  const on = (device: number) => resources.add(`on ${device}`, device, [need("R", 1)]);
  const [zero, one] = [on(0), on(1)];
  assert.deepEqual(fill(resources, zero, zero, zero), [true, true, false]);
  assert.deepEqual(fill(resources, one, one, one, one), [true, true, true, false]);
  const global = resources.add("global", 3, [need("G", 1, true)]);
  assert.deepEqual(fill(resources, global, global, global), [true, true, false]);
});

Deno.test("Resources.add() refuses what there will never be enough of", () => {
  const resources = new Resources([{ name: "R", count: 3 }, { name: "S", count: 9, device: 10 }]);
  assert.throws(
    () => resources.add("g_0", 0, [need("R", 4)]),
    /^Status: Resource count for "R" is limited to 3 which will prevent scheduling of one or more model instances, the minimum required count is 4: instance group 'g_0' asks for it on device 0\. .*--rate-limit-resource=R:4/,
  );
  assert.throws(() => resources.add("g", 0, [need("S", 1)]), /Resource count for "S" is limited to 0 /);
  assert.throws(() => resources.add("g", 0, [need("T", 1, true)]), /"T" is limited to 0 .* for all devices together/);
});

Deno.test("Resources.add() refuses a resource that is global in one place and not in another, and forgets it", () => {
  const resources = new Resources([]);
  const local = resources.add("a", 0, [need("R", 1)]);
  assert.throws(
    () => resources.add("b", 0, [need("R", 1, true)]),
    /Resource "R" is present as both global and device-specific resource in the model configuration/,
  );
  resources.remove(local);
  resources.add("b", 0, [need("R", 1, true)]);
});
