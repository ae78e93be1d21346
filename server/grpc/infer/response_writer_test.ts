import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DataType } from "../../../core/data_type.ts";
import type { InferenceResponse, ParameterValue } from "../../../core/inference.ts";
import { ModelInferResponseSchema, ModelStreamInferResponseSchema } from "../../../proto/gen/grpc_service_pb.ts";
import { FRAME_HEADER } from "../frame.ts";
import { RandomMessages, seeded } from "../testing/random_message.ts";
import { writeInferResponse, writeStreamResponse } from "./response_writer.ts";

/** The response as generated code reads it, once the frame header is seen to be right. */
function written(response: InferenceResponse) {
  const frame = writeInferResponse(response);
  const view = new DataView(frame.buffer);
  assert.equal(view.getUint8(0), 0);
  assert.equal(view.getUint32(1), frame.length - FRAME_HEADER);
  return fromBinary(ModelInferResponseSchema, frame.subarray(FRAME_HEADER));
}

Deno.test("writeInferResponse() writes what generated code reads and would write", () => {
  const next = seeded(3), random = new RandomMessages(next);
  for (let i = 0; i < 300; i++) {
    const names = ["", "OUT", "größe", "🙂".repeat(50)];
    const outputs = Array.from({ length: Math.floor(next() * 4) }, () => ({
      name: random.pick(names),
      datatype: random.pick<DataType>(["FP32", "BYTES"]),
      shape: random.pick([[], [0], [1, 16], [127, 128, 300, 2 ** 40], [-1]]),
      data: new Uint8Array(random.pick([0, 1, 64, 200])).fill(i),
    }));
    const response = { modelName: random.pick(names), modelVersion: "1", id: random.pick(names), outputs };
    const message = written(response);
    assert.deepEqual(
      message,
      create(ModelInferResponseSchema, {
        modelName: response.modelName,
        modelVersion: "1",
        id: response.id,
        outputs: outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
        rawOutputContents: outputs.map(({ data }) => data),
      }),
    );
    assert.equal(
      toBinary(ModelInferResponseSchema, message).length,
      writeInferResponse(response).length - FRAME_HEADER,
    );
  }
});

Deno.test("writeInferResponse() gives each parameter the type of its value", () => {
  const values: [ParameterValue, string, unknown][] = [
    [true, "boolParam", true],
    [false, "boolParam", false],
    ["text", "stringParam", "text"],
    ["", "stringParam", ""],
    [7, "int64Param", 7n],
    [-7, "int64Param", -7n],
    [-(2 ** 40), "int64Param", -(2n ** 40n)],
    [2n ** 62n, "int64Param", 2n ** 62n],
    [-(2n ** 63n), "int64Param", -(2n ** 63n)],
    [2n ** 64n - 1n, "uint64Param", 2n ** 64n - 1n],
    [0.5, "doubleParam", 0.5],
    [Infinity, "doubleParam", Infinity],
    [1e300, "doubleParam", 1e300],
  ];
  for (const [value, kind, expected] of values) {
    const parameters = new Map([["größe", value]]);
    const message = written({ modelName: "m", modelVersion: "1", id: "", parameters, outputs: [] });
    assert.deepEqual(message.parameters["größe"].parameterChoice, { case: kind, value: expected });
  }
});

Deno.test("writeStreamResponse() puts the same response, and an error, into a message of a stream", () => {
  const response: InferenceResponse = {
    modelName: "m",
    modelVersion: "2",
    id: "a",
    parameters: new Map([["triton_final_response", false]]),
    outputs: [{ name: "OUT", datatype: "INT8", shape: [200], data: new Uint8Array(200).fill(3) }],
  };
  for (const error of ["", "it broke: größer als erlaubt"]) {
    const frame = writeStreamResponse(response, error);
    assert.equal(new DataView(frame.buffer).getUint32(1), frame.length - FRAME_HEADER);
    const message = fromBinary(ModelStreamInferResponseSchema, frame.subarray(FRAME_HEADER));
    assert.equal(message.errorMessage, error);
    assert.deepEqual(message.inferResponse, written(response));
  }
  const empty = writeStreamResponse({ modelName: "", modelVersion: "", id: "", outputs: [] });
  assert.deepEqual(
    fromBinary(ModelStreamInferResponseSchema, empty.subarray(FRAME_HEADER)).inferResponse,
    create(ModelInferResponseSchema),
  );
});
