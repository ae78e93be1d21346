import assert from "node:assert/strict";
import { ineffectiveSettings, normaliseConfig, readConfig } from "./mod.ts";

function settings(text: string) {
  const config = readConfig("config.pbtxt", text);
  normaliseConfig(config);
  return ineffectiveSettings(config);
}

Deno.test("ineffectiveSettings() finds nothing in a plain configuration", () => {
  const plain =
    "max_batch_size: 4 dynamic_batching { } instance_group { count: 2 } optimization { eager_batching: true }";
  assert.deepEqual(settings(plain), { warnings: [], notes: [] });
});

Deno.test("ineffectiveSettings() names every setting that does nothing", () => {
  const { warnings, notes } = settings(`
    runtime: "x" cc_model_filenames { key: "7.5" value: "y" }
    instance_group { name: "g" host_policy: "p" secondary_devices { kind: KIND_NVDLA } }
    backend: "identity" max_batch_size: 4 parameters { key: "allowed_batch_sizes" value { string_value: "2,4" } }
    optimization { cuda { graphs: true } gather_kernel_buffer_threshold: 1 input_pinned_memory { } }
  `);
  assert.deepEqual(warnings.map((text) => text.split(" has no effect")[0]), [
    `'runtime: "x"'`,
    "'secondary_devices' of instance group 'g'",
    "'host_policy' of instance group 'g'",
    "parameter 'allowed_batch_sizes'",
  ]);
  assert.equal(notes.length, 4);
});
