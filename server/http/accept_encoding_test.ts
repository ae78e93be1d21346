import assert from "node:assert/strict";
import { acceptedCoding } from "./accept_encoding.ts";

Deno.test("acceptedCoding() follows the q-values as Triton does", () => {
  for (
    const [header, coding] of [
      [null, "identity"],
      ["", "identity"],
      ["*", "identity"],
      ["*;q=0", "identity"],
      ["br", "identity"],
      ["GZIP", "identity"],
      ["gzip", "gzip"],
      ["gzip, deflate", "gzip"],
      ["deflate, gzip", "deflate"],
      ["gzip;q=0.5, deflate;q=0.8", "deflate"],
      ["gzip;q=0", "identity"],
      ["identity;q=0.5, gzip;q=0.4", "identity"],
      ["identity;q=0.1, gzip", "gzip"],
      ["deflate;q=1.0;foo=bar", "deflate"],
      ["gzip, deflate;q=5", "deflate"],
      ["gzip ;q=1, deflate;q=0.1", "deflate"],
      ["br, gzip;q=0.2", "gzip"],
    ] as const
  ) {
    // The second time it comes from memory.
    assert.equal(acceptedCoding(header), coding, String(header));
    assert.equal(acceptedCoding(header), coding, String(header));
  }
});
