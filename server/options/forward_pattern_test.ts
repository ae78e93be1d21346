import { equal, ok } from "node:assert/strict";
import { forwardPattern } from "./forward_pattern.ts";

Deno.test("forwardPattern() matches in part and in any case when the pattern has no flags", () => {
  ok(forwardPattern("(my|triton)_.*")!.test("X-MY_header"));
});

Deno.test("forwardPattern() minds the case when the pattern says so", () => {
  const pattern = forwardPattern("(?-i)my_")!;
  ok(pattern.test("my_a") && !pattern.test("MY_a"));
});

Deno.test("forwardPattern() gives nothing when the pattern is empty or broken", () => {
  equal(forwardPattern(""), undefined);
  equal(forwardPattern("("), undefined);
});
