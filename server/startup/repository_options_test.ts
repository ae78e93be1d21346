import assert from "node:assert/strict";
import { parseCommandLine } from "../options/parse.ts";
import { repositoryOptions } from "./repository_options.ts";

function limiter(...args: string[]) {
  const line = parseCommandLine(["--model-repository=r", ...args]);
  assert.ok(line.kind === "serve", JSON.stringify(line));
  return repositoryOptions(line.options, { verbose() {}, info() {}, warning() {}, error() {} }).rateLimiter;
}

Deno.test("repositoryOptions() limits rates only when told to, by the resources of the options", () => {
  assert.equal(limiter(), undefined);
  assert.equal(limiter("--rate-limit=off", "--rate-limit-resource=R:1"), undefined);
  const groups = (
    count: number,
  ) => [{ name: "g", device: 0, needs: [{ name: "R", count, global: false }], priority: 0 }];
  limiter("--rate-limit=execution_count")!.register(groups(100));
  const given = limiter("--rate-limit=execution_count", "--rate-limit-resource=R:1", "--rate-limit-resource=R:2:0")!;
  given.register(groups(2));
  assert.throws(() => given.register(groups(3)), /"R" is limited to 2 /);
});
