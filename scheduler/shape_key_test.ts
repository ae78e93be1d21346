import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { InferenceRequest } from "../core/inference.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { shapeKeyOf } from "./shape_key.ts";

const requestOf = (shapes: Record<string, number[]>) => {
  const request = new InferenceRequest("m", "");
  request.inputs = Object.entries(shapes).map(([name, shape]) => {
    return { name, datatype: "INT8", shape, data: new Uint8Array(0) };
  });
  return request;
};

Deno.test("shapeKeyOf() compares free dimensions and the presence of optional inputs, whatever their order", () => {
  const key = shapeKeyOf(create(ModelConfigSchema, {
    maxBatchSize: 4,
    input: [
      { name: "FIXED", dims: [2n] },
      { name: "FREE", dims: [-1n, 2n] },
      { name: "MAYBE", dims: [1n], optional: true },
      { name: "RAGGED", dims: [-1n], allowRaggedBatch: true },
      { name: "MAYBE_RAGGED", dims: [-1n], allowRaggedBatch: true, optional: true },
    ],
  }));
  const a = key(requestOf({ FIXED: [1, 2], FREE: [1, 5, 2], RAGGED: [1, 3], MAYBE: [1, 1] }));
  assert.equal(a, key(requestOf({ MAYBE: [3, 1], FREE: [3, 5, 2], FIXED: [3, 2], RAGGED: [3, 9] })));
  assert.notEqual(a, key(requestOf({ FIXED: [1, 2], FREE: [1, 6, 2], RAGGED: [1, 3], MAYBE: [1, 1] })));
  assert.notEqual(a, key(requestOf({ FIXED: [1, 2], FREE: [1, 5, 2], RAGGED: [1, 3] })));
  const both = key(requestOf({ FREE: [1, 5, 2], MAYBE_RAGGED: [1, 3] }));
  assert.equal(both, key(requestOf({ FREE: [1, 5, 2], MAYBE_RAGGED: [1, 4] })));
  assert.notEqual(both, key(requestOf({ FREE: [1, 5, 2] })));
});

Deno.test("shapeKeyOf() has nothing to compare where all requests are alike or run alone", () => {
  const input = [{ name: "FREE", dims: [-1n] }];
  assert.equal(shapeKeyOf(create(ModelConfigSchema, { maxBatchSize: 0, input }))(requestOf({ FREE: [5] })), "");
  const fixed = [{ name: "FIXED", dims: [2n] }];
  assert.equal(
    shapeKeyOf(create(ModelConfigSchema, { maxBatchSize: 4, input: fixed }))(requestOf({ FIXED: [1, 2] })),
    "",
  );
});
