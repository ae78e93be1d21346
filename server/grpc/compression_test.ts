import assert from "node:assert/strict";
import { compress, decompress, negotiate } from "./compression.ts";

Deno.test("compress() and decompress() are inverse, for small and large messages", async () => {
  for (const encoding of ["gzip", "deflate"] as const) {
    for (const length of [0, 100, 300_000]) {
      const message = Uint8Array.from({ length }, (_, i) => i * i);
      assert.deepEqual(await decompress(await compress(message, encoding, "low"), encoding), message);
    }
  }
});

Deno.test("decompress() refuses large corrupt messages and what expands beyond the limit", async () => {
  const corrupt = new Uint8Array(100_000).fill(1);
  await assert.rejects(decompress(corrupt, "gzip"), { code: "INTERNAL" });
  const large = await compress(Uint8Array.from({ length: 300_000 }, () => Math.random() * 256), "deflate", "low");
  await assert.rejects(decompress(large, "deflate", 1000), { grpcStatus: 8 });
});

Deno.test("negotiate() takes gzip, else deflate, else none", () => {
  assert.equal(negotiate("identity, deflate, gzip"), "gzip");
  assert.equal(negotiate("deflate"), "deflate");
  assert.equal(negotiate("identity,br"), undefined);
  assert.equal(negotiate(null), undefined);
});
