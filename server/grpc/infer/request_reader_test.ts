import assert from "node:assert/strict";
import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Status } from "../../../core/status.ts";
import {
  type InferParameter,
  InferTensorContentsSchema,
  type ModelInferRequest,
  ModelInferRequestSchema,
} from "../../../proto/gen/grpc_service_pb.ts";
import { RandomMessages, seeded } from "../testing/random_message.ts";
import { readInferRequest, type WireParameter } from "./request_reader.ts";

const KINDS = {
  boolParam: "bool_param",
  int64Param: "int64_param",
  stringParam: "string_param",
  doubleParam: "double_param",
  uint64Param: "uint64_param",
} as const;

/** What the reader should make of a generated message. */
function expected(message: ModelInferRequest) {
  const parameter = ({ parameterChoice: choice }: InferParameter): WireParameter => {
    if (choice.case === undefined) return { kind: undefined, value: undefined };
    const value = typeof choice.value !== "bigint"
      ? choice.value
      : Number.isSafeInteger(Number(choice.value))
      ? Number(choice.value)
      : choice.value;
    return { kind: KINDS[choice.case], value };
  };
  const parameters = (map: { [key: string]: InferParameter }) => {
    const entries = Object.entries(map).map(([key, value]) => [key, parameter(value)] as const);
    return entries.length === 0 ? undefined : new Map(entries);
  };
  return {
    modelName: message.modelName,
    modelVersion: message.modelVersion,
    id: message.id,
    parameters: parameters(message.parameters),
    inputs: message.inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: input.shape.map(Number),
      parameters: parameters(input.parameters),
      contents: input.contents && toBinary(InferTensorContentsSchema, input.contents),
    })),
    outputs: message.outputs.map((output) => ({ name: output.name, parameters: parameters(output.parameters) })),
    rawInputContents: message.rawInputContents,
  };
}

Deno.test("readInferRequest() reads random requests as generated code wrote them", () => {
  const random = new RandomMessages(seeded(1));
  for (let i = 0; i < 500; i++) {
    const message = random.request();
    assert.deepEqual(readInferRequest(toBinary(ModelInferRequestSchema, message)), expected(message));
  }
});

Deno.test("readInferRequest() throws INTERNAL or returns, whatever the bytes are", () => {
  const next = seeded(2), random = new RandomMessages(next);
  for (let i = 0; i < 500; i++) {
    const bytes = toBinary(ModelInferRequestSchema, random.request());
    for (let k = 0; k < 3; k++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    try {
      readInferRequest(bytes.subarray(0, Math.floor(next() * (bytes.length + 1))));
    } catch (error) {
      assert(error instanceof Status);
      assert.equal(error.code, "INTERNAL");
      assert.match(error.message, /^Unable to parse request/);
    }
  }
});

Deno.test("readInferRequest() passes over unknown fields of every wire type", () => {
  const writer = new BinaryWriter()
    .tag(100, WireType.Varint).uint64(2n ** 64n - 1n)
    .tag(101, WireType.Bit64).double(1)
    .tag(102, WireType.LengthDelimited).string("unknown")
    .tag(103, WireType.Bit32).float(1)
    .tag(104, WireType.StartGroup).tag(1, WireType.Varint).int32(5).tag(104, WireType.EndGroup)
    .tag(1, WireType.LengthDelimited).string("simple");
  assert.equal(readInferRequest(writer.finish()).modelName, "simple");
});

Deno.test("readInferRequest() takes the last of a repeated single field and unpacked shapes", () => {
  const input = new BinaryWriter()
    .tag(3, WireType.Varint).int64(2)
    .tag(3, WireType.LengthDelimited).fork().int64(3).int64(-1).join()
    .tag(1, WireType.LengthDelimited).string("old")
    .tag(1, WireType.LengthDelimited).string("new").finish();
  const request = readInferRequest(new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(input).finish());
  assert.deepEqual(request.inputs[0].shape, [2, 3, -1]);
  assert.equal(request.inputs[0].name, "new");
});

Deno.test("readInferRequest() refuses text that is not UTF-8", () => {
  for (const length of [1, 40]) {
    const name = new Uint8Array(length).fill(0xff);
    const bytes = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(name).finish();
    assert.throws(() => readInferRequest(bytes), { code: "INTERNAL", message: /a string is not UTF-8/ });
  }
});

Deno.test("readInferRequest() returns raw contents as views of the message", () => {
  const bytes = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(new Uint8Array([1, 2, 3])).finish();
  assert.equal(readInferRequest(bytes).rawInputContents[0].buffer, bytes.buffer);
});
