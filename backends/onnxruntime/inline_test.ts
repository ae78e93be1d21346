import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { DataType, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import type { WorkerTensor } from "../worker/protocol.ts";
import type { OnnxGraph } from "./graph.ts";
import { isFaster, largestInputs } from "./inline.ts";

const graph: OnnxGraph = {
  path: "model.onnx",
  inputs: [],
  overridable: [],
  outputs: [],
  nonTensorInputs: [],
  nonTensorOutputs: [],
  opTypes: new Set(["Add"]),
  controlFlow: false,
  comparedIntegers: [],
  lowPrecision: false,
  bytes: 100,
};
const config = (dims: number[], maxBatchSize = 8) =>
  create(ModelConfigSchema, {
    maxBatchSize,
    input: [{ name: "A", dataType: DataType.TYPE_INT32, dims: dims.map(BigInt) }],
  });
const inputs = [{ name: "A", datatype: "INT32" as const, scalar: false }];

Deno.test("largestInputs() takes the largest batch of fixed dimensions", () => {
  const [tensor] = largestInputs(config([16]), graph, inputs)!;
  assert.deepEqual(tensor.shape, [8, 16]);
  assert.equal(tensor.data.byteLength, 8 * 16 * 4);
  assert.deepEqual(largestInputs(config([16], 0), graph, inputs)![0].shape, [16]);
});

Deno.test("largestInputs() refuses what has no bound", () => {
  assert.equal(largestInputs(config([-1]), graph, inputs), undefined);
  assert.equal(largestInputs(config([100_000]), graph, inputs), undefined);
  assert.equal(largestInputs(config([16]), { ...graph, controlFlow: true }, inputs), undefined);
  assert.equal(largestInputs(config([16]), graph, [{ name: "A", datatype: "BYTES", scalar: false }]), undefined);
  assert.equal(largestInputs(config([16]), graph, [{ name: "B", datatype: "INT32", scalar: false }]), undefined);
});

Deno.test("largestInputs() refuses operators whose work depends on values, and those that it does not know", () => {
  const withOperator = (name: string) =>
    largestInputs(config([16]), { ...graph, opTypes: new Set(["Add", name]) }, inputs);
  for (const name of ["ConstantOfShape", "Range", "Tile", "com.microsoft.BeamSearch"]) {
    assert.equal(withOperator(name), undefined, name);
  }
  for (const name of ["Reshape", "MatMul", "ai.onnx.ml.TreeEnsembleClassifier"]) assert.ok(withOperator(name), name);
});

const model = (run: () => WorkerTensor[] | Promise<WorkerTensor[]>) => ({ run });

Deno.test("isFaster() tells quick models from slow, asynchronous and failing ones", () => {
  assert.equal(isFaster(model(() => []), [], []), true);
  const slow = () => {
    for (const end = performance.now() + 2; performance.now() < end;);
    return [];
  };
  assert.equal(isFaster(model(slow), [], []), false);
  assert.equal(isFaster(model(() => Promise.resolve([])), [], []), false);
  const failing = () => {
    throw new Error("no");
  };
  assert.equal(isFaster(model(failing), [], []), false);
});
