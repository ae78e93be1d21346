import assert from "node:assert/strict";
import type { DataType } from "../core/data_type.ts";
import { decodeStrings, type Tensor } from "../core/tensor.ts";
import { classify } from "./classification.ts";

function tensor(datatype: DataType, shape: number[], values: ArrayBufferView): Tensor {
  return { name: "O", datatype, shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

function classes(output: Tensor, count: number, batched = false, labels: string[] = []): [number[], string[]] {
  const made = classify(output, count, batched, labels);
  assert.equal(made.datatype, "BYTES");
  assert.equal(made.name, "O");
  return [[...made.shape], decodeStrings(made.data)];
}

Deno.test("classify() gives the highest values first, with index and label", () => {
  const output = tensor("FP32", [3], Float32Array.of(1, 3, 2));
  assert.deepEqual(classes(output, 3), [[3], ["3.000000:1", "2.000000:2", "1.000000:0"]]);
  assert.deepEqual(classes(output, 1, false, ["cat", "dog"]), [[1], ["3.000000:1:dog"]]);
  assert.deepEqual(classes(output, 9, false, ["cat", "dog"])[1], ["3.000000:1:dog", "2.000000:2", "1.000000:0:cat"]);
});

Deno.test("classify() treats every row of a batch on its own", () => {
  const output = tensor("INT32", [2, 1, 3], Int32Array.of(1, 2, 3, 6, 5, 4));
  assert.deepEqual(classes(output, 2, true), [[2, 2], ["3:2", "2:1", "6:0", "5:1"]]);
  assert.deepEqual(classes(output, 1), [[1], ["6:3"]]);
});

Deno.test("classify() keeps the order of equal values, by insertion and by sorting", () => {
  assert.deepEqual(classes(tensor("FP32", [4], Float32Array.of(1, 1, 1, 1)), 4)[1].map((c) => c.split(":")[1]), [
    "0",
    "1",
    "2",
    "3",
  ]);
  const many = Float32Array.from({ length: 200 }, (_, i) => i % 2);
  const all = classes(tensor("FP32", [200], many), 200)[1].map((text) => Number(text.split(":")[1]));
  assert.deepEqual(all, [...all].sort((a, b) => many[b] - many[a] || a - b));
});

Deno.test("classify() writes floating-point values as C's %f does", () => {
  const output = tensor("FP32", [6], Float32Array.of(1e20, 123456.789, 1e-9, -0, -Infinity, NaN));
  assert.deepEqual(classes(output, 6)[1], [
    "100000002004087734272.000000:0",
    "123456.789062:1",
    "0.000000:2",
    "-0.000000:3",
    "-inf:4",
    "nan:5",
  ]);
  assert.deepEqual(classes(tensor("FP64", [2], Float64Array.of(1e22, 0.0078125)), 2)[1], [
    "10000000000000000000000.000000:0",
    "0.007812:1",
  ]);
});

Deno.test("classify() keeps 64-bit integers exact, at any alignment", () => {
  const body = new Uint8Array(17);
  body.set(new Uint8Array(BigInt64Array.of(9007199254740993n, -7n).buffer), 1);
  assert.deepEqual(classes({ name: "O", datatype: "INT64", shape: [2], data: body.subarray(1) }, 2)[1], [
    "9007199254740993:0",
    "-7:1",
  ]);
});

Deno.test("classify() gives nothing for outputs without elements", () => {
  assert.deepEqual(classes(tensor("FP32", [0], new Float32Array(0)), 3), [[0], []]);
  assert.deepEqual(classes(tensor("FP32", [0, 4], new Float32Array(0)), 3, true), [[0, 0], []]);
});

Deno.test("classify() refuses types without numbers to compare, and outputs that are too large", () => {
  for (const datatype of ["BOOL", "BYTES", "FP16", "BF16"] as const) {
    assert.throws(() => classify(tensor(datatype, [2], new Uint8Array(4)), 1, false, []), {
      message: `class result not available for output due to unsupported type '${datatype}'`,
      code: "INVALID_ARGUMENT",
    });
  }
  assert.throws(() => classify(tensor("UINT8", [1_000_001], new Uint8Array(1_000_001)), 1, false, []), /too large/);
});
