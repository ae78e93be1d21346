import assert from "node:assert/strict";
import { parseTimeout } from "./timeout.ts";

Deno.test("parseTimeout() reads every unit", () => {
  const cases: [string, number][] = [["2H", 7.2e6], ["2M", 120_000], ["2S", 2000], ["2m", 2], ["2u", 0.002], ["0n", 0]];
  for (const [value, ms] of cases) assert.equal(parseTimeout(value), ms);
});

Deno.test("parseTimeout() refuses everything else", () => {
  for (const value of ["", "1", "S", "-1S", "1.5S", "123456789S", "1 S", "1d"]) {
    assert.throws(() => parseTimeout(value), { code: "INVALID_ARGUMENT", message: /^invalid grpc-timeout/ });
  }
});
