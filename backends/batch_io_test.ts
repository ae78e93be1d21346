import { deepEqual, equal, throws } from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { InferenceRequest } from "../core/inference.ts";
import { decodeStrings, encodeBytes, type Tensor } from "../core/tensor.ts";
import { BatchInput_Kind as Kind, DataType, ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { gatherInputs, splitOutputs } from "./batch.ts";
import { batchPlanOf } from "./batch_io.ts";

function planOf(config: MessageInitShape<typeof ModelConfigSchema>) {
  return batchPlanOf(create(ModelConfigSchema, { name: "m", maxBatchSize: 8, ...config }));
}

function int32(name: string, shape: number[], values: number[]): Tensor {
  return { name, datatype: "INT32", shape, data: new Uint8Array(Int32Array.from(values).buffer) };
}

function request(...inputs: Tensor[]): InferenceRequest {
  const request = new InferenceRequest("m", "");
  request.inputs = inputs;
  request.batchSize = inputs[0].shape[0];
  return request;
}

/** The numbers of a tensor in pieces. */
function values(pieces: readonly Uint8Array[], type: typeof Int32Array | typeof Float32Array = Int32Array): number[] {
  return pieces.flatMap((piece) => Array.from(new type(piece.slice().buffer)));
}

const padded = (sizes: string) => planOf({ parameters: { allowed_batch_sizes: { stringValue: sizes } } });

Deno.test("batchPlanOf() has no plan when batches are just rows", () => {
  equal(planOf({ input: [{ name: "IN", dataType: DataType.TYPE_INT32, dims: [-1n] }] }), undefined);
});

Deno.test("gatherInputs() puts rows one after another, whatever the order of the inputs in a request", () => {
  const [a, b] = gatherInputs([
    request(int32("A", [1, 2], [1, 2]), int32("B", [1, 1], [10])),
    request(int32("B", [2, 1], [20, 30]), int32("A", [2, 2], [3, 4, 5, 6])),
  ]);
  deepEqual([a.name, a.shape, a.byteLength, values(a.pieces)], ["A", [3, 2], 24, [1, 2, 3, 4, 5, 6]]);
  deepEqual([b.name, b.shape, values(b.pieces)], ["B", [3, 1], [10, 20, 30]]);
});

Deno.test("gatherInputs() makes one vector of a ragged input, of one request too", () => {
  const plan = planOf({ input: [{ name: "IN", allowRaggedBatch: true, dims: [-1n] }] });
  const requests = [request(int32("IN", [1, 3], [1, 2, 3])), request(int32("IN", [2, 1], [4, 5]))];
  const [ragged] = gatherInputs(requests, plan);
  deepEqual([ragged.shape, values(ragged.pieces)], [[5], [1, 2, 3, 4, 5]]);
  deepEqual(gatherInputs(requests.slice(0, 1), plan)[0].shape, [3]);
});

const MADE: readonly (readonly [kind: Kind, shape: number[], values: number[]])[] = [
  [Kind.BATCH_ELEMENT_COUNT, [2], [6, 8]],
  [Kind.BATCH_ACCUMULATED_ELEMENT_COUNT, [2], [6, 14]],
  [Kind.BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO, [3], [0, 6, 14]],
  [Kind.BATCH_MAX_ELEMENT_COUNT_AS_SHAPE, [8], [0, 0, 0, 0, 0, 0, 0, 0]],
  [Kind.BATCH_ITEM_SHAPE, [3, 2], [2, 3, 1, 4, 1, 4]],
  [Kind.BATCH_ITEM_SHAPE_FLATTEN, [6], [2, 3, 1, 4, 1, 4]],
];

for (const [kind, shape, expected] of MADE) {
  Deno.test(`gatherInputs() makes the input of kind ${Kind[kind]} when the configuration asks for it`, () => {
    for (const dataType of [DataType.TYPE_INT32, DataType.TYPE_FP32]) {
      const plan = planOf({
        input: [{ name: "IN", allowRaggedBatch: true, dims: [-1n, -1n] }],
        batchInput: [{ kind, targetName: ["MADE", "AGAIN"], dataType, sourceInput: ["IN"] }],
      });
      const inputs = gatherInputs([
        request(int32("IN", [1, 2, 3], [1, 2, 3, 4, 5, 6])),
        request(int32("IN", [2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8])),
      ], plan);
      deepEqual(inputs.map(({ name }) => name), ["IN", "MADE", "AGAIN"]);
      const made = inputs[1];
      const float = dataType === DataType.TYPE_FP32;
      deepEqual(
        [made.datatype, made.shape, values(made.pieces, float ? Float32Array : Int32Array)],
        [float ? "FP32" : "INT32", shape, expected],
      );
    }
  });
}

Deno.test("splitOutputs() cuts a scattered output by the shapes of its input, free dims taken from there", () => {
  const plan = planOf({
    input: [{ name: "IN", allowRaggedBatch: true, dims: [-1n] }],
    output: [{ name: "OUT", dims: [-1n] }, { name: "ROW", dims: [1n] }],
    batchOutput: [{ targetName: ["OUT"], sourceInput: ["IN"] }],
  });
  const requests = [request(int32("IN", [1, 3], [1, 2, 3])), request(int32("IN", [1, 1], [4]))];
  const outputs = [int32("OUT", [4], [10, 20, 30, 40]), int32("ROW", [2, 1], [7, 8])];
  const [first, second] = splitOutputs(requests, outputs, "m", "1", plan);
  deepEqual(first.outputs.map(({ shape, data }) => [shape, values([data])]), [[[1, 3], [10, 20, 30]], [[1, 1], [7]]]);
  deepEqual(second.outputs.map(({ shape, data }) => [shape, values([data])]), [[[1, 1], [40]], [[1, 1], [8]]]);
  throws(() => splitOutputs(requests, [int32("OUT", [2], [10, 20])], "m", "1", plan), /OUT.* has shape \[2\].*IN/);
});

Deno.test("gatherInputs() repeats the last row up to the next allowed size", () => {
  const plan = padded("1,4,8");
  const sizes = (rows: number) =>
    gatherInputs([request(int32("IN", [rows, 1], new Array(rows).fill(0)))], plan)[0].shape;
  deepEqual([sizes(1), sizes(2), sizes(4), sizes(5), sizes(8)], [[1, 1], [4, 1], [4, 1], [8, 1], [8, 1]]);
  const [input] = gatherInputs([request(int32("IN", [1, 2], [1, 2])), request(int32("IN", [1, 2], [3, 4]))], plan);
  deepEqual([input.shape, input.byteLength, values(input.pieces)], [[4, 2], 32, [1, 2, 3, 4, 3, 4, 3, 4]]);
});

Deno.test("gatherInputs() repeats the last row of strings", () => {
  const data = encodeBytes(["a", "bc", "", "def"]);
  const plan = padded("4,8");
  const [input] = gatherInputs([request({ name: "IN", datatype: "BYTES", shape: [2, 2], data })], plan);
  const all = new Uint8Array(input.pieces.flatMap((piece) => Array.from(piece)));
  equal(all.byteLength, input.byteLength);
  deepEqual(decodeStrings(all), ["a", "bc", "", "def", "", "def", "", "def"]);
});

Deno.test("splitOutputs() leaves the rows out that were added", () => {
  const plan = padded("4,8");
  const requests = [request(int32("IN", [1, 1], [1])), request(int32("IN", [2, 1], [2, 3]))];
  const responses = splitOutputs(requests, [int32("OUT", [4, 1], [1, 2, 3, 3])], "m", "1", plan);
  deepEqual(responses.map(({ outputs: [{ shape, data }] }) => [shape, values([data])]), [[[1, 1], [1]], [[2, 1], [
    2,
    3,
  ]]]);
  const [alone] = splitOutputs(requests.slice(0, 1), [int32("OUT", [4, 1], [1, 1, 1, 1])], "m", "1", plan);
  deepEqual([alone.outputs[0].shape, values([alone.outputs[0].data])], [[1, 1], [1]]);
  throws(() => splitOutputs(requests, [int32("OUT", [3, 1], [1, 2, 3])], "m", "1", plan), /expected 4 rows/);
});

Deno.test("batchPlanOf() says what is wrong with allowed batch sizes", () => {
  for (const text of ["", "1,x", "1,,8", "4,2,8", "2,2,8", "0,8", "-1,8", "1.5,8"]) {
    throws(() => padded(text), /must be a list of ascending positive integers for m/, text);
  }
  throws(() => padded("1,2,4"), /must end with max_batch_size for m, got 4 with max_batch_size 8/);
  const parameters = { allowed_batch_sizes: { stringValue: "8" } };
  throws(() => planOf({ maxBatchSize: 0, parameters }), /needs a max_batch_size above 0/);
  throws(
    () => planOf({ parameters, schedulingChoice: { case: "sequenceBatching", value: {} } }),
    /cannot be used with sequence_batching/,
  );
  throws(() => planOf({ parameters, input: [{ name: "R", allowRaggedBatch: true }] }), /the ragged input 'R'/);
});
