import assert from "node:assert/strict";
import { LocalCache } from "../../scheduler/cache/local_cache.ts";
import { parseCommandLine } from "../options/parse.ts";
import { createResponseCache } from "./response_cache.ts";

function create(...args: string[]) {
  const line = parseCommandLine(args);
  assert.ok(line.kind === "serve", JSON.stringify(line));
  return createResponseCache(line.options, { verbose() {}, info() {}, warning() {}, error() {} });
}

Deno.test("createResponseCache() makes a cache in this process of the size that either option gives", async () => {
  for (const option of ["--cache-config=local,size=1000", "--response-cache-byte-size=1000"]) {
    const cache = await create(option);
    assert.ok(cache instanceof LocalCache, option);
    const outputs = [{ name: "O", datatype: "UINT8", shape: [1000], data: new Uint8Array(1000) } as const];
    assert.equal(cache.insert("k", { outputs }, {}), "too large");
  }
});

Deno.test("createResponseCache() makes none where none is asked for, or one of 0 bytes", async () => {
  for (const options of [[], ["--cache-config=local,size=0"], ["--response-cache-byte-size=0"]]) {
    assert.equal(await create(...options), undefined);
  }
});

Deno.test("createResponseCache() refuses a Redis without an address", async () => {
  await assert.rejects(create("--cache-config=redis,host=h"), /Must at a minimum specify host and port/);
});
