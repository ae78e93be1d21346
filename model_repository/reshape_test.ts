import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import type { InferenceResponse } from "../core/inference.ts";
import { Status } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { OutputReshaper } from "./reshape.ts";

function outputsThrough(maxBatchSize: number, shape: number[], from: bigint[], to: bigint[]): readonly Tensor[] {
  const config = create(ModelConfigSchema, {
    maxBatchSize,
    output: [
      { name: "A", dataType: 11, dims: to, reshape: { shape: from } },
      { name: "B", dataType: 11, dims: [1n] },
    ],
  });
  const responses: InferenceResponse[] = [];
  const errors: (Status | undefined)[] = [];
  const sink = OutputReshaper.of(config)!.wrap({
    respond: (response) => responses.push(response),
    finish: (error) => errors.push(error),
  });
  const data = new Uint8Array();
  const outputs: Tensor[] = [
    { name: "A", datatype: "FP32", shape, data },
    { name: "B", datatype: "FP32", shape: [1], data },
  ];
  sink.respond({ modelName: "m", modelVersion: "1", id: "7", outputs });
  const failure = new Status("INTERNAL", "over");
  sink.finish(failure);
  assert.deepEqual(errors, [failure]);
  assert.equal(responses[0].id, "7");
  assert.equal(responses[0].outputs[1], outputs[1]);
  return responses[0].outputs;
}

Deno.test("OutputReshaper gives outputs the shape of the configuration", () => {
  assert.deepEqual(outputsThrough(4, [3, 2, 2], [2n, 2n], [4n])[0].shape, [3, 4]);
  assert.deepEqual(outputsThrough(4, [3], [], [1n])[0].shape, [3, 1]);
  assert.deepEqual(outputsThrough(0, [6, 2], [-1n, 2n], [2n, -1n])[0].shape, [2, 6]);
});

Deno.test("OutputReshaper passes on an output of another rank than configured", () => {
  assert.deepEqual(outputsThrough(0, [6], [-1n, 2n], [2n, -1n])[0].shape, [6]);
});

Deno.test("OutputReshaper.of() is undefined for a model that reshapes nothing", () => {
  assert.equal(OutputReshaper.of(create(ModelConfigSchema, { output: [{ name: "A" }] })), undefined);
});
