import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { configTypeOf, type DataType } from "../core/data_type.ts";
import type { Status } from "../core/status.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import type { Model } from "./model.ts";
import { deduceRawInput } from "./raw_input.ts";

function deduce(datatype: DataType, dims: number[], bytes: number | Uint8Array, maxBatchSize = 0, inputs = 1) {
  const input = Array.from({ length: inputs }, (_, i) => ({
    name: `IN${i}`,
    dataType: configTypeOf(datatype),
    dims: dims.map(BigInt),
  }));
  const config = create(ModelConfigSchema, { name: "m", maxBatchSize, input });
  const model = { name: "m", config } as Model;
  return deduceRawInput(model, "", typeof bytes === "number" ? new Uint8Array(bytes) : bytes);
}

function refuses(text: string, ...args: Parameters<typeof deduce>): void {
  assert.throws(() => deduce(...args), (error: Status) => {
    assert.equal(error.message, `[request id: <id_unknown>] ${text}`);
    assert.equal(error.code, "INVALID_ARGUMENT");
    return true;
  });
}

Deno.test("deduceRawInput() deduces the free dimension from the size", () => {
  assert.deepEqual(deduce("FP32", [-1], 12).shape, [3]);
  assert.deepEqual(deduce("FP32", [-1, 3], 24, 4).shape, [1, 2, 3]);
  assert.deepEqual(deduce("FP32", [4], 16, 4).shape, [1, 4]);
  assert.deepEqual(deduce("FP32", [-1], 0).shape, [0]);
});

Deno.test("deduceRawInput() keeps the bytes as they are", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.deepEqual(deduce("UINT8", [-1], bytes), { name: "IN0", datatype: "UINT8", shape: [3], data: bytes });
});

Deno.test("deduceRawInput() makes one string of the body", () => {
  const { shape, data } = deduce("BYTES", [1], new TextEncoder().encode("hi"), 4);
  assert.deepEqual(shape, [1, 1]);
  assert.deepEqual(data, Uint8Array.of(2, 0, 0, 0, 104, 105));
});

Deno.test("deduceRawInput() refuses what cannot be deduced", () => {
  refuses(
    "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model configuration",
    "FP32",
    [1],
    4,
    0,
    2,
  );
  const twice = "can not be deduced because there are more than one variable-sized dimension";
  refuses(`The shape of the raw input 'IN0' ${twice}`, "FP32", [-1, -1], 4);
  refuses("For BYTE datatype raw input 'IN0', the model must have input shape [1]", "BYTES", [-1], 4);
  const mismatch = "input byte size mismatch for input 'raw_input' for model 'm'.";
  refuses(`${mismatch} Expected 76, got 79`, "FP32", [-1], 79);
  refuses(`${mismatch} Expected 0, got 10`, "FP32", [-1, 3], 10, 4);
  refuses(`${mismatch} Expected 16, got 8`, "FP32", [4], 8, 4);
});
