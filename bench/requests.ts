import { create, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "../proto/gen/grpc_service_pb.ts";
import type { Load } from "./load.ts";
import { CONV_SHAPE, DENSE_WIDTH } from "./repository.ts";

const encoder = new TextEncoder();
const sixteen = Array.from({ length: 16 }, (_, index) => index);
const inputs = ["INPUT0", "INPUT1"];

/** `simple`, or a model like it, with its numbers in JSON, both ways. */
export function simpleJson(model = "simple"): Load {
  const body = { inputs: inputs.map((name) => ({ name, shape: [1, 16], datatype: "INT32", data: sixteen })) };
  return {
    path: `/v2/models/${model}/infer`,
    headers: { "content-type": "application/json" },
    body: encoder.encode(JSON.stringify(body)),
  };
}

/** A request of the binary tensor extension: a JSON header, then the tensors' bytes; outputs come back binary. */
function binary(
  path: string,
  tensors: { name: string; shape: number[]; datatype: string; data: Uint8Array }[],
): Load {
  const header = encoder.encode(JSON.stringify({
    parameters: { binary_data_output: true },
    inputs: tensors.map(({ name, shape, datatype, data }) => {
      return { name, shape, datatype, parameters: { binary_data_size: data.byteLength } };
    }),
  }));
  const body = new Uint8Array(header.length + tensors.reduce((sum, { data }) => sum + data.byteLength, 0));
  body.set(header);
  let at = header.length;
  for (const { data } of tensors) {
    body.set(data, at);
    at += data.byteLength;
  }
  return {
    path,
    headers: { "content-type": "application/octet-stream", "inference-header-content-length": String(header.length) },
    body,
  };
}

/** The same with its numbers as bytes, both ways. */
export function simpleBinary(model = "simple"): Load {
  const data = new Uint8Array(Int32Array.from(sixteen).buffer);
  return binary(`/v2/models/${model}/infer`, inputs.map((name) => ({ name, shape: [1, 16], datatype: "INT32", data })));
}

/** 150,528 floats (602,112 bytes), as a 224 × 224 RGB image has, to `model` and back. */
export function largeBinary(model: string, input: string): Load {
  const floats = Float32Array.from({ length: 150_528 }, (_, index) => index % 255);
  return binary(`/v2/models/${model}/infer`, [
    { name: input, shape: [1, 150_528], datatype: "FP32", data: new Uint8Array(floats.buffer) },
  ]);
}

/** The same over gRPC, as one length-prefixed message. */
export function simpleGrpc(model = "simple"): Load {
  const message = toBinary(
    ModelInferRequestSchema,
    create(ModelInferRequestSchema, {
      modelName: model,
      inputs: inputs.map((name) => ({ name, datatype: "INT32", shape: [1n, 16n] })),
      rawInputContents: inputs.map(() => new Uint8Array(Int32Array.from(sixteen).buffer)),
    }),
  );
  const body = new Uint8Array(5 + message.length);
  new DataView(body.buffer).setUint32(1, message.length);
  body.set(message, 5);
  return {
    path: "/inference.GRPCInferenceService/ModelInfer",
    headers: { "content-type": "application/grpc", te: "trailers" },
    body,
  };
}

/** One image to the convolutional model. */
export function convBinary(model: string): Load {
  const floats = new Float32Array(CONV_SHAPE.reduce((product, dim) => product * dim, 1)).fill(0.5);
  return binary(`/v2/models/${model}/infer`, [
    { name: "INPUT", shape: [1, ...CONV_SHAPE], datatype: "FP32", data: new Uint8Array(floats.buffer) },
  ]);
}

/** One row to a dense model. */
export function denseBinary(model: string): Load {
  const floats = Float32Array.from({ length: DENSE_WIDTH }, (_, index) => index / DENSE_WIDTH);
  return binary(`/v2/models/${model}/infer`, [
    { name: "INPUT", shape: [1, DENSE_WIDTH], datatype: "FP32", data: new Uint8Array(floats.buffer) },
  ]);
}
