import assert from "node:assert/strict";
import {
  clean,
  KernelsMissingError,
  loadError,
  missingOperator,
  readFailure,
  runError,
  RuntimeUnavailableError,
} from "./failures.ts";

Deno.test("readFailure() takes the code and the text out of the WebAssembly builds' errors", () => {
  const thrown = new Error(
    "failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Invalid rank for input: A Got: 1 Expected: 2 Please fix " +
      "either the inputs/outputs or the model.",
  );
  assert.deepEqual(readFailure(thrown), {
    code: 2,
    text: "Invalid rank for input: A Got: 1 Expected: 2 Please fix either the inputs/outputs or the model",
  });
});

Deno.test("readFailure() gives the native binding's errors, which have no code, the one that belongs to them", () => {
  const codes: [string, number][] = [
    ["Got invalid dimensions for input: A", 2],
    ["Unexpected input data type. Actual: (tensor(float)) , expected: (tensor(int32))", 2],
    ["Failed to load model because protobuf parsing failed.", 7],
    ["Load model from /m/model.onnx failed:Load model /m/model.onnx failed. File doesn't exist", 3],
    ["This is an invalid model. In Node, ...", 10],
    ["Could not find an implementation for Foo(1) node with name ''", 9],
    ["something else", 1],
  ];
  for (const [text, code] of codes) assert.equal(readFailure(new Error(text)).code, code, text);
  assert.equal(readFailure("thrown text").text, "thrown text");
});

Deno.test("clean() drops source paths, signatures and line breaks and keeps the reason", () => {
  assert.equal(
    clean(
      "Non-zero status code returned while running Sub node. Name:'S' Status Message: " +
        "/onnxruntime_src/onnxruntime/core/providers/cpu/math/element_wise_ops.h:583 void " +
        "onnxruntime::BroadcastIterator::Append(ptrdiff_t, ptrdiff_t) axis == 1 || axis == largest was false. " +
        "Attempting to broadcast an axis by a dimension other than 1. 2 by 3\n",
    ),
    "Non-zero status code returned while running Sub node. Name:'S' Status Message: Attempting to broadcast an axis " +
      "by a dimension other than 1. 2 by 3",
  );
  assert.equal(
    clean(
      "Status Message: /src/include/op_kernel_context.h:42 const T* onnxruntime::OpKernelContext::Input(int) const " +
        "[with T = onnxruntime::Tensor] Missing Input: B\n",
    ),
    "Status Message: Missing Input: B",
  );
  assert.equal(clean("first\n second\n"), "first second");
  assert.equal(clean("a path /models/m/1/model.onnx stays"), "a path /models/m/1/model.onnx stays");
});

Deno.test("missingOperator() finds the operator that has no kernel, and none in other failures", () => {
  assert.equal(missingOperator("Provider type for Add node with name 'AddC' is not set"), "Add");
  assert.equal(missingOperator("No Op registered for ZipMap with domain_version of 1"), "ZipMap");
  assert.equal(missingOperator("Could not find an implementation for CumSum(14) node with name 'c'"), "CumSum");
  assert.equal(missingOperator("Failed to load model because protobuf parsing failed"), undefined);
  assert.equal(new KernelsMissingError(["Add", "Mod"]).message, "kernels missing: Add, Mod");
});

Deno.test("runError() and loadError() are INTERNAL, in the words of Triton's backend, and name the model", () => {
  const run = runError(new Error("Invalid rank for input: A"), "m");
  assert.deepEqual([run.code, run.message], [
    "INTERNAL",
    "onnx runtime error 2: Invalid rank for input: A (model 'm')",
  ]);
  const load = loadError(new Error("Failed to load model because protobuf parsing failed."), "m", "/r/m/1/model.onnx");
  assert.equal(
    load.message,
    "onnx runtime error 7: Failed to load model because protobuf parsing failed (model 'm', file /r/m/1/model.onnx)",
  );
});

Deno.test("RuntimeUnavailableError gives the reason in one line", () => {
  const cause = new Error(
    "no available backend found. ERR: [wasm] TypeError: Import failed\n    at file:///x.mjs:1:1\n",
  );
  assert.equal(
    new RuntimeUnavailableError("wasm", cause).message,
    "the wasm build of ONNX Runtime does not start: Import failed",
  );
});
