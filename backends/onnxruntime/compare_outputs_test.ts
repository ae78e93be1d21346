import assert from "node:assert/strict";
import type { DataType } from "../../core/data_type.ts";
import type { Tensor } from "../../core/tensor.ts";
import { compareOutputs } from "./compare_outputs.ts";

function tensor(datatype: DataType, values: ArrayBufferView, shape?: number[]): Tensor {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { name: "y", datatype, shape: shape ?? [(values as Float32Array).length], data };
}

const fp32 = (...values: number[]) => tensor("FP32", Float32Array.from(values));
const compare = (a: Tensor, b: Tensor, low = false, random = false) => compareOutputs([a], [b], low, random).mismatch;

Deno.test("compareOutputs() allows floats what runtimes differ by, scaled to the tensor", () => {
  assert.equal(compare(fp32(1, -2, 0), fp32(1.0002, -2.0003, 0.0001)), "");
  assert.equal(compare(fp32(1000, 0), fp32(1000, 0.2)), "");
  assert.equal(compare(fp32(1e-9, 0), fp32(0, 1e-9)), "");
  assert.equal(
    compare(fp32(1, 0.5), fp32(1, 0.25)),
    "output 'y' at index 1 is 0.25, the CPU gives 0.5 (differs by 0.25, allowed 0.006)",
  );
  assert.notEqual(compare(fp32(1, 0), fp32(1, 0.05)), "");
});

Deno.test("compareOutputs() allows single elements to stray, but not the output as a whole", () => {
  const reference = fp32(...Array.from({ length: 1000 }, () => 1));
  const one = fp32(...Array.from({ length: 1000 }, (_, i) => i === 7 ? 1.005 : 1));
  const all = fp32(...Array.from({ length: 1000 }, () => 1.005));
  assert.equal(compare(reference, one), "");
  assert.match(compare(reference, all), /\(differs by 0.005, and the output as a whole by 0.005, allowed 0.0003\)$/);
  // small outputs, as probabilities are, have no wider room than large ones
  assert.notEqual(compare(fp32(5e-4, 4e-4), fp32(5e-4, 3e-4)), "");
});

Deno.test("compareOutputs() is wider for FP16 and for weights of low precision", () => {
  assert.equal(compare(fp32(1), fp32(1.008), true), "");
  assert.notEqual(compare(fp32(1), fp32(1.008)), "");
  // 1.0, 1.0078125 and 2.0 as half floats
  assert.equal(compare(tensor("FP16", Uint16Array.of(0x3c00)), tensor("FP16", Uint16Array.of(0x3c08))), "");
  assert.notEqual(compare(tensor("FP16", Uint16Array.of(0x3c00)), tensor("FP16", Uint16Array.of(0x4000))), "");
});

Deno.test("compareOutputs() takes NaN for NaN and infinities for themselves, and for nothing else", () => {
  assert.equal(compare(fp32(NaN, Infinity, -Infinity), fp32(NaN, Infinity, -Infinity)), "");
  assert.match(compare(fp32(NaN), fp32(0)), /index 0 is 0, the CPU gives NaN/);
  assert.match(compare(fp32(0), fp32(NaN)), /is NaN, the CPU gives 0/);
  assert.notEqual(compare(fp32(Infinity), fp32(-Infinity)), "");
  assert.notEqual(compare(fp32(Infinity), fp32(1)), "");
});

Deno.test("compareOutputs() wants integers, booleans and strings equal", () => {
  const int64 = (...values: bigint[]) => tensor("INT64", BigInt64Array.from(values));
  assert.equal(compare(int64(1n, -2n), int64(1n, -2n)), "");
  assert.equal(
    compare(int64(1n, -2n), int64(1n, 3n)),
    "output 'y' at index 1 is 3, the CPU gives -2 (must be equal)",
  );
  assert.match(compare(tensor("BOOL", Uint8Array.of(1)), tensor("BOOL", Uint8Array.of(0))), /is 0, the CPU gives 1/);
  assert.match(compare(tensor("BYTES", Uint8Array.of(1)), tensor("BYTES", Uint8Array.of(2))), /differs at byte 0/);
});

Deno.test("compareOutputs() names missing outputs and other shapes", () => {
  assert.equal(compareOutputs([fp32(1)], [], false, false).mismatch, "output 'y' is missing");
  assert.equal(
    compare(fp32(1, 2), tensor("FP32", Float32Array.of(1, 2), [2, 1])),
    "output 'y' is FP32 [2,1], the CPU gives FP32 [2]",
  );
});

Deno.test("compareOutputs() looks only at shapes when values are random", () => {
  assert.equal(compare(fp32(1, 2), fp32(9, 9), false, true), "");
  assert.notEqual(compare(fp32(1, 2), fp32(9), false, true), "");
});
