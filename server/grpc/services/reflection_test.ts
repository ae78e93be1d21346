import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_grpc_service } from "../../../proto/gen/grpc_service_pb.ts";
import { file_health } from "../../../proto/gen/health_pb.ts";
import { Reflection } from "./reflection.ts";

const reflection = new Reflection([file_health, file_grpc_service]);

/** Names of the files that answer a question. */
function filesFor(kind: "fileByFilename" | "fileContainingSymbol", value: string): string[] {
  const answer = reflection.answer({ case: kind, value });
  assert.equal(answer.case, "fileDescriptorResponse");
  return (answer.value as { fileDescriptorProto: Uint8Array[] }).fileDescriptorProto
    .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

Deno.test("answer() lists the services by name", () => {
  assert.deepEqual(reflection.answer({ case: "listServices", value: "" }), {
    case: "listServicesResponse",
    value: { service: [{ name: "grpc.health.v1.Health" }, { name: "inference.GRPCInferenceService" }] },
  });
});

Deno.test("answer() finds services, methods, messages, fields, enums and their values, with all that they import", () => {
  const service = ["grpc_service.proto", "model_config.proto"];
  for (
    const symbol of [
      "inference.GRPCInferenceService",
      "inference.GRPCInferenceService.ModelInfer",
      "inference.ModelInferRequest.InferInputTensor",
      "inference.InferParameter.bool_param",
      "inference.InferParameter.parameter_choice",
    ]
  ) assert.deepEqual(filesFor("fileContainingSymbol", symbol), service);
  assert.deepEqual(filesFor("fileContainingSymbol", "inference.DataType"), ["model_config.proto"]);
  assert.deepEqual(filesFor("fileContainingSymbol", "inference.TYPE_FP32"), ["model_config.proto"]);
  assert.deepEqual(filesFor("fileByFilename", "health.proto"), ["health.proto"]);
});

Deno.test("answer() says what it does not know", () => {
  const missing = (errorMessage: string) => ({ case: "errorResponse", value: { errorCode: 5, errorMessage } });
  assert.deepEqual(
    reflection.answer({ case: "fileContainingSymbol", value: "x.Y" }),
    missing("symbol 'x.Y' is not known to this server's reflection"),
  );
  assert.equal(reflection.answer({ case: "fileByFilename", value: "x" }).case, "errorResponse");
  assert.equal(reflection.answer({ case: "allExtensionNumbersOfType", value: "x" }).case, "errorResponse");
  const extension = { containingType: "inference.ModelConfig" };
  assert.equal(reflection.answer({ case: "fileContainingExtension", value: extension }).case, "errorResponse");
  assert.deepEqual(reflection.answer({ case: undefined }).value, {
    errorCode: 3,
    errorMessage: "the reflection request asks for nothing, expected one member of message_request",
  });
});

Deno.test("answer() knows no extensions of a known type", () => {
  const baseTypeName = "inference.ModelConfig";
  assert.deepEqual(reflection.answer({ case: "allExtensionNumbersOfType", value: baseTypeName }), {
    case: "allExtensionNumbersResponse",
    value: { baseTypeName, extensionNumber: [] },
  });
});
