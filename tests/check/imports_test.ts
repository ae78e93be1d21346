import assert from "node:assert/strict";
import { modulesOfCheckout, wrongImports } from "./imports.ts";

const check = (path: string, ...imports: string[]) => wrongImports([{ path, imports }]);

Deno.test("wrongImports() accepts imports that point down, and the test helpers in unit tests", () => {
  assert.deepEqual(check("server/http/app.ts", "core/tensor.ts", "server/options.ts", "observability/log.ts"), []);
  assert.deepEqual(check("scheduler/fifo.ts", "backends/backend.ts", "npm:hono@4.13.19", "node:path"), []);
  assert.deepEqual(check("core/tensor_test.ts", "core/tensor.ts", "tests/support/paths.ts", "node:assert/strict"), []);
  assert.deepEqual(check("main.ts", "server/start.ts"), []);
  assert.deepEqual(check("bench/run.ts", "server/start.ts", "tests/support/server.ts"), []);
});

Deno.test("wrongImports() names an import that points up, and what would be allowed", () => {
  assert.deepEqual(check("core/tensor.ts", "backends/backend.ts"), [
    "core/tensor.ts imports backends/backend.ts: core may import nothing of ours",
  ]);
  assert.equal(check("backends/a.ts", "scheduler/b.ts").length, 1);
  assert.equal(check("core/a.ts", "proto/gen/b_pb.ts").length, 1);
  assert.equal(check("observability/log.ts", "server/start.ts").length, 1);
  assert.equal(check("core/tensor.ts", "tests/support/paths.ts").length, 1);
  assert.equal(check("server/a.ts", "main.ts").length, 1);
});

Deno.test("wrongImports() refuses other registries and versions that are not exact", () => {
  assert.equal(check("core/a.ts", "jsr:@std/path@1.0.0").length, 1);
  assert.equal(check("core/a.ts", "https://example.com/a.ts").length, 1);
  assert.equal(check("server/a.ts", "npm:hono").length, 1);
  assert.equal(check("server/a.ts", "npm:hono@^4.13.19").length, 1);
  assert.equal(check("server/a.ts", "npm:@bufbuild/protobuf@2.17.0/wire").length, 0);
});

Deno.test("modulesOfCheckout() sees type imports and files that nobody imports", async () => {
  const modules = new Map((await modulesOfCheckout()).map((module) => [module.path, module.imports]));
  assert.ok(modules.get("core/errors/declare.ts")?.includes("core/status.ts"));
  assert.ok(modules.get("core/inference.ts")?.includes("core/tensor.ts"), "a type-only import");
  assert.ok(modules.has("tests/check/imports_test.ts"));
});
