import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type CorrelationId, InferenceRequest } from "../../core/inference.ts";
import { encodeBytes } from "../../core/tensor.ts";
import {
  DataType,
  ModelConfigSchema,
  ModelSequenceBatching_Control_Kind as Kind,
} from "../../proto/gen/model_config_pb.ts";
import { requestCheck } from "./check_request.ts";

const checkOf = (config: MessageInitShape<typeof ModelConfigSchema>) =>
  requestCheck(create(ModelConfigSchema, { name: "m", ...config }));

const inputs = (...types: DataType[]) => types.map((dataType, i) => ({ name: `IN${i}`, dataType, dims: [-1n] }));

function sequence(corrid: DataType): MessageInitShape<typeof ModelConfigSchema> {
  const control = [{ kind: Kind.CONTROL_SEQUENCE_CORRID, dataType: corrid }];
  return { schedulingChoice: { case: "sequenceBatching", value: { controlInput: [{ name: "CORRID", control }] } } };
}

function request(correlationId: CorrelationId, ...strings: string[]): InferenceRequest {
  const made = new InferenceRequest("m", "");
  made.correlationId = correlationId;
  made.inputs = [
    { name: "IN0", datatype: "UINT8", shape: [1], data: Uint8Array.of(0) },
    { name: "IN1", datatype: "BYTES", shape: [strings.length], data: encodeBytes(strings) },
  ];
  return made;
}

Deno.test("requestCheck() has nothing to check when a model takes no strings", () => {
  assert.equal(checkOf({ input: inputs(DataType.TYPE_FP32, DataType.TYPE_UINT8) }), undefined);
  assert.equal(checkOf(sequence(DataType.TYPE_UINT64)), undefined);
});

Deno.test("requestCheck() looks at every BYTES input, and at no other", () => {
  const check = checkOf({ input: inputs(DataType.TYPE_UINT8, DataType.TYPE_STRING) })!;
  check(request(0, "a", "b"));
  check(request("an id\0", "a"));
  assert.throws(() => check(request(0, "a", "b\0")), {
    code: "INVALID_ARGUMENT",
    message: /^element 1 of BYTES input 'IN1' for model 'm' contains a NUL byte/,
  });
});

Deno.test("requestCheck() refuses an id with a NUL when the model is given ids as strings", () => {
  const check = checkOf(sequence(DataType.TYPE_STRING))!;
  for (const id of ["", "an id", 0, 7, 2n ** 63n]) check(request(id));
  assert.throws(() => check(request("an\0id")), {
    code: "INVALID_ARGUMENT",
    message: /^the sequence id of the request, which is BYTES input 'CORRID' for model 'm', contains a NUL byte/,
  });
});
