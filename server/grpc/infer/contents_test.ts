import assert from "node:assert/strict";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { encodeBytes } from "../../../core/tensor.ts";
import { InferTensorContentsSchema } from "../../../proto/gen/grpc_service_pb.ts";
import { readContents } from "./contents.ts";

function encoded(contents: MessageInitShape<typeof InferTensorContentsSchema>): Uint8Array {
  return toBinary(InferTensorContentsSchema, create(InferTensorContentsSchema, contents));
}

function bytesOf(array: ArrayBufferView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

const INTS = [0, 1, -1, 127, -128, 300, 2 ** 31 - 1, -(2 ** 31)];
const UINTS = [0, 1, 255, 256, 65537, 2 ** 32 - 1];
const INT64S = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n];
const UINT64S = [0n, 2n ** 64n - 1n, 2n ** 32n + 5n];
const FLOATS = [0, 1.5, -2, Infinity, NaN];

const CASES: [datatype: string, contents: MessageInitShape<typeof InferTensorContentsSchema>, expected: Uint8Array][] =
  [
    ["BOOL", { boolContents: [true, false, true] }, new Uint8Array([1, 0, 1])],
    ["INT8", { intContents: INTS }, bytesOf(Int8Array.from(INTS))],
    ["INT16", { intContents: INTS }, bytesOf(Int16Array.from(INTS))],
    ["INT32", { intContents: INTS }, bytesOf(Int32Array.from(INTS))],
    ["INT64", { int64Contents: INT64S }, bytesOf(BigInt64Array.from(INT64S))],
    ["UINT8", { uintContents: UINTS }, bytesOf(Uint8Array.from(UINTS))],
    ["UINT16", { uintContents: UINTS }, bytesOf(Uint16Array.from(UINTS))],
    ["UINT32", { uintContents: UINTS }, bytesOf(Uint32Array.from(UINTS))],
    ["UINT64", { uint64Contents: UINT64S }, bytesOf(BigUint64Array.from(UINT64S))],
    ["FP32", { fp32Contents: FLOATS }, bytesOf(Float32Array.from(FLOATS))],
    ["FP64", { fp64Contents: FLOATS }, bytesOf(Float64Array.from(FLOATS))],
    ["BYTES", { bytesContents: [new Uint8Array([1, 2]), new Uint8Array()] }, encodeBytes(["\x01\x02", ""])],
  ];

for (const [datatype, contents, expected] of CASES) {
  Deno.test(`readContents() makes the bytes of a ${datatype} tensor`, () => {
    assert.deepEqual(readContents(encoded(contents), datatype, "I", "M"), expected);
  });
}

Deno.test("readContents() reads elements that are not packed, and mixtures", () => {
  const ints = new BinaryWriter()
    .tag(2, WireType.Varint).int32(7)
    .tag(2, WireType.LengthDelimited).fork().int32(8).int32(-9).join()
    .tag(99, WireType.Varint).int32(1).finish();
  assert.deepEqual(readContents(ints, "INT32", "I", "M"), bytesOf(Int32Array.of(7, 8, -9)));
  const floats = new BinaryWriter()
    .tag(6, WireType.Bit32).float(1)
    .tag(6, WireType.LengthDelimited).fork().float(2).float(3).join().finish();
  assert.deepEqual(readContents(floats, "FP32", "I", "M"), bytesOf(Float32Array.of(1, 2, 3)));
});

Deno.test("readContents() returns packed floats as a view", () => {
  const contents = encoded({ fp32Contents: [1, 2] });
  assert.equal(readContents(contents, "FP32", "I", "M").buffer, contents.buffer);
});

Deno.test("readContents() makes an empty tensor of empty contents", () => {
  assert.equal(readContents(new Uint8Array(), "FP16", "I", "M").length, 0);
  const emptyPacked = new Uint8Array([6 << 3 | 2, 0x80, 0]); // a length of zero in two bytes
  assert.equal(readContents(emptyPacked, "INT32", "I", "M").length, 0);
});

Deno.test("readContents() names the field that does not fit the datatype", () => {
  const message =
    "unexpected explicit tensor data for input tensor 'I' for model 'M' of type 'FP32', expected datatype ";
  assert.throws(() => readContents(encoded({ fp32Contents: [1] }), "INT32", "I", "M"), {
    code: "INVALID_ARGUMENT",
    message: message + "'INT32'",
  });
  assert.throws(() => readContents(encoded({ fp32Contents: [1] }), "int32", "I", "M"), {
    message: message + "'<invalid>'",
  });
  assert.throws(() => readContents(encoded({ intContents: [1] }), "FP16", "I", "M"), { message: /of type 'INT32'/ });
});

Deno.test("readContents() refuses a second field", () => {
  assert.throws(() => readContents(encoded({ intContents: [1], fp32Contents: [1] }), "INT32", "I", "M"), {
    code: "INVALID_ARGUMENT",
    message: "unexpected explicit tensor data for input tensor 'I' for model 'M', binary data was already supplied.",
  });
});

Deno.test("readContents() throws INTERNAL for packed fields that are cut off", () => {
  const cutVarint = new Uint8Array([2 << 3 | 2, 1, 0x80]);
  assert.throws(() => readContents(cutVarint, "INT32", "I", "M"), { code: "INTERNAL", message: /cut off/ });
  const cutFloat = new Uint8Array([6 << 3 | 2, 3, 0, 0, 0]);
  assert.throws(() => readContents(cutFloat, "FP32", "I", "M"), { code: "INTERNAL", message: /3 bytes of 4-byte/ });
});
