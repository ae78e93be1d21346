import assert from "node:assert/strict";
import type { CachedResponse } from "./response_cache.ts";
import { LocalCache } from "./local_cache.ts";

const owner = {};

function response(bytes: number, fill = 7): CachedResponse {
  return { outputs: [{ name: "O", datatype: "UINT8", shape: [bytes], data: new Uint8Array(bytes).fill(fill) }] };
}

Deno.test("LocalCache gives back what was inserted, and counts", () => {
  const cache = new LocalCache(10_000);
  assert.equal(cache.lookup("a"), undefined);
  assert.equal(cache.insert("a", response(10), owner), "kept");
  assert.deepEqual(cache.lookup("a")?.outputs, response(10).outputs);
  cache.joined();
  const { entries, hits, misses, evictions, lookup, insertion, utilization } = cache.statistics;
  assert.deepEqual([entries, hits, misses, evictions, lookup.count, insertion.count], [1, 2, 1, 0, 3, 1]);
  assert.ok(utilization > 0 && utilization < 0.2, String(utilization));
});

Deno.test("LocalCache drops what was not asked for longest when it is full", () => {
  const cache = new LocalCache(10_000);
  for (const key of ["a", "b", "c"]) cache.insert(key, response(2000), owner);
  cache.lookup("a");
  cache.insert("d", response(2000), owner);
  assert.deepEqual(["a", "b", "c", "d"].map((key) => cache.lookup(key) !== undefined), [true, false, true, true]);
  assert.equal(cache.statistics.evictions, 1);
  assert.equal(cache.statistics.entries, 3);
  assert.ok(cache.statistics.utilization <= 1);
});

Deno.test("LocalCache refuses a response that is larger than all of it, and keeps the others", () => {
  const cache = new LocalCache(10_000);
  cache.insert("a", response(10), owner);
  assert.equal(cache.insert("b", response(10_000), owner), "too large");
  assert.equal(cache.statistics.entries, 1);
  assert.equal(cache.statistics.evictions, 0);
});

Deno.test("LocalCache keeps bytes of its own where the response has a view of something larger", () => {
  const cache = new LocalCache(10_000);
  const batch = new Uint8Array(100).fill(1);
  cache.insert("a", { outputs: [{ name: "O", datatype: "UINT8", shape: [4], data: batch.subarray(8, 12) }] }, owner);
  batch.fill(2);
  const { data } = cache.lookup("a")!.outputs[0];
  assert.deepEqual([...data], [1, 1, 1, 1]);
  assert.equal(data.buffer.byteLength, 4);
});

Deno.test("LocalCache.forget() drops the entries of one owner", () => {
  const cache = new LocalCache(10_000);
  cache.insert("a", response(10), owner);
  cache.insert("b", response(10), {});
  cache.forget(owner);
  assert.equal(cache.lookup("a"), undefined);
  assert.ok(cache.lookup("b"));
  assert.deepEqual([cache.statistics.entries, cache.statistics.evictions], [1, 0]);
});
