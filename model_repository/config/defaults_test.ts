import assert from "node:assert/strict";
import { completeBackend, configToJson, normaliseConfig, readConfig } from "./mod.ts";

function completed(text: string, directory = "m", files: string[] | undefined = []) {
  const config = readConfig("config.pbtxt", text);
  completeBackend(config, directory, files);
  const { name, backend, platform, defaultModelFilename } = config;
  return [name, backend, platform, defaultModelFilename];
}

Deno.test("completeBackend() finds backend, platform and file name from each other and from the files", () => {
  const onnx = ["m", "onnxruntime", "onnxruntime_onnx", "model.onnx"];
  assert.deepEqual(completed("", "m", ["model.onnx", "notes.txt"]), onnx);
  assert.deepEqual(completed('platform: "onnxruntime_onnx"'), onnx);
  assert.deepEqual(completed('backend: "onnxruntime"'), onnx);
  assert.deepEqual(completed('default_model_filename: "model.onnx"'), onnx);
  assert.deepEqual(completed('backend: "onnxruntime" default_model_filename: "other.onnx"'), [
    ...onnx.slice(0, 3),
    "other.onnx",
  ]);
  assert.deepEqual(completed("", "m", ["model.plan"]), ["m", "tensorrt", "tensorrt_plan", "model.plan"]);
  assert.deepEqual(completed("", "m", ["model.py"]), ["m", "python", "", "model.py"]);
});

Deno.test("completeBackend() leaves a backend of another kind, an ensemble and a name as they are", () => {
  assert.deepEqual(completed('name: "x" backend: "identity"', "m", ["model.onnx"]), ["x", "identity", "", ""]);
  assert.deepEqual(completed('platform: "ensemble"', "m", ["model.onnx"]), ["m", "", "ensemble", ""]);
  assert.deepEqual(completed('platform: "foo"', "m", ["model.onnx"]), ["m", "", "foo", ""]);
});

Deno.test("completeBackend() takes the backend from the model's name at last, or fails", () => {
  assert.deepEqual(completed("", "copy.identity"), ["copy.identity", "identity", "", "model.identity"]);
  assert.throws(() => completed("", "copy", undefined), {
    code: "INVALID_ARGUMENT",
    message:
      /^Invalid model name: Could not determine backend for model 'copy' with no backend in model configuration\./,
  });
});

function normalised(text: string) {
  const config = readConfig("config.pbtxt", text);
  normaliseConfig(config);
  const once = configToJson(config);
  normaliseConfig(config);
  assert.equal(configToJson(config), once);
  return JSON.parse(once);
}

Deno.test("normaliseConfig() fills in version policy and pinned memory, and keeps what is set", () => {
  const shown = normalised("optimization { input_pinned_memory { } eager_batching: true }");
  assert.deepEqual(shown.version_policy, { latest: { num_versions: 1 } });
  assert.deepEqual(shown.optimization, {
    priority: "PRIORITY_DEFAULT",
    input_pinned_memory: { enable: false },
    output_pinned_memory: { enable: true },
    gather_kernel_buffer_threshold: 0,
    eager_batching: true,
  });
  assert.deepEqual(normalised("version_policy { all { } }").version_policy, { all: {} });
});

Deno.test("normaliseConfig() prefers batches of max_batch_size, and of nothing without it", () => {
  const sizes = (text: string) => normalised(text).dynamic_batching.preferred_batch_size;
  assert.deepEqual(sizes("max_batch_size: 8 dynamic_batching { }"), [8]);
  assert.deepEqual(sizes("max_batch_size: 8 dynamic_batching { preferred_batch_size: 4 }"), [4]);
  assert.deepEqual(sizes("dynamic_batching { }"), []);
});

Deno.test("normaliseConfig() gives sequences an idle time and the oldest strategy its batch size", () => {
  const { sequence_batching } = normalised("max_batch_size: 2 sequence_batching { oldest { } }");
  assert.equal(sequence_batching.max_sequence_idle_microseconds, 1000000);
  assert.deepEqual(sequence_batching.oldest.preferred_batch_size, [2]);
});

Deno.test("normaliseConfig() shows a transaction policy and no optimization for an ensemble", () => {
  const shown = normalised('platform: "ensemble" ensemble_scheduling { }');
  assert.deepEqual(shown.model_transaction_policy, { decoupled: false });
  assert.ok(!("optimization" in shown));
});
