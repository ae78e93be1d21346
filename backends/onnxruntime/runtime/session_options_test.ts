import assert from "node:assert/strict";
import { nestedEntries } from "./session_options.ts";

Deno.test("nestedEntries() makes objects of dotted keys, sharing their beginnings", () => {
  assert.deepEqual(nestedEntries({ "session.a.b": "1", "session.a.c": "0", "session.d": "x", top: "y" }), {
    session: { a: { b: "1", c: "0" }, d: "x" },
    top: "y",
  });
  assert.deepEqual(nestedEntries({}), {});
});
