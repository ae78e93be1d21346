import assert from "node:assert/strict";
import { parseCommandLine } from "../options/parse.ts";
import { checkBackendSettings } from "./backend_settings.ts";

function check(...settings: string[]) {
  const line = parseCommandLine(settings.map((setting) => `--backend-config=${setting}`));
  assert.ok(line.kind === "serve", JSON.stringify(line));
  const warnings: string[] = [];
  return { status: checkBackendSettings(line.options.backendConfig, (text) => warnings.push(text)), warnings };
}

Deno.test("checkBackendSettings() names option, value and what was expected when a value is wrong", () => {
  const { status } = check("onnxruntime,cpu-runtime=foo");
  assert.equal(status?.code, "INVALID_ARGUMENT");
  assert.equal(
    status.message,
    "unexpected value 'foo' for --backend-config=onnxruntime,cpu-runtime=foo: expected one of auto, native, wasm",
  );
  assert.match(check("default-max-batch-size=many").status!.message, /'many' .* expected a whole number/);
});

Deno.test("checkBackendSettings() warns of a key that is not known", () => {
  const { status, warnings } = check("onnxruntime,cpu-runtimes=wasm");
  assert.equal(status, undefined);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /cpu-runtimes=… is not known .*cpu-runtime/);
});

Deno.test("checkBackendSettings() says nothing of good settings and of backends that are not here", () => {
  assert.deepEqual(check("onnxruntime,gpu-check=off", "tensorflow,version=2"), { status: undefined, warnings: [] });
});
