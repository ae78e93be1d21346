import assert from "node:assert/strict";
import { decodeStrings } from "../../core/tensor.ts";
import { FakeModel, type FakeTensor } from "../testing/fake_repository.ts";
import { deduceShape, readGenerateRequest } from "./generate_request.ts";

function modelOf(inputs: FakeTensor[], maxBatchSize = 0): FakeModel {
  return new FakeModel({ name: "m", maxBatchSize, inputs, outputs: [], run: (_, sink) => sink.finish() });
}

const MODEL = modelOf([
  { name: "A", datatype: "INT32", dims: [-1] },
  { name: "TEXT", datatype: "BYTES", dims: [1] },
  { name: "GRID", datatype: "FP32", dims: [2, -1] },
  { name: "BIG", datatype: "UINT64", dims: [1] },
]);

const read = (body: string, model = MODEL) => readGenerateRequest(model, "", new TextEncoder().encode(body));

Deno.test("deduceShape() gives the innermost free dimension what the fixed ones leave", () => {
  const cases: [number[], number, number[] | undefined][] = [
    [[-1], 3, [3]],
    [[-1], 0, [0]],
    [[1], 1, [1]],
    [[1], 2, undefined],
    [[16], 16, [16]],
    [[16], 0, undefined],
    [[-1, 16], 16, [1, 16]],
    [[-1, 16], 32, [2, 16]],
    [[-1, 16], 17, undefined],
    [[-1, -1], 3, [1, 3]],
    [[2, -1, 3], 12, [2, 2, 3]],
    [[2, -1], 3, undefined],
    [[], 1, []],
    [[], 2, undefined],
    [[0], 0, [0]],
    [[0], 1, undefined],
  ];
  for (const [dims, count, shape] of cases) assert.deepEqual(deduceShape(dims, count), shape, `${dims}: ${count}`);
});

Deno.test("readGenerateRequest() makes tensors of the model's inputs and parameters of all else", () => {
  const request = read(
    '{"id":"q","A":[1,-2],"TEXT":"grüße","x":"y","parameters":{"GRID":[1,2,3,4],"BIG":18446744073709551615,"n":1,' +
      '"f":2.5,"b":true,"id":"inner"},"sequence_id":4,"priority":1,"triton_x":5,"large":9007199254740993}',
  );
  assert.deepEqual([request.modelName, request.id], ["m", "q"]);
  assert.deepEqual(request.inputs.map(({ name, datatype, shape }) => [name, datatype, shape]), [
    ["A", "INT32", [2]],
    ["TEXT", "BYTES", [1]],
    ["GRID", "FP32", [2, 2]],
    ["BIG", "UINT64", [1]],
  ]);
  assert.deepEqual([...new Int32Array(request.inputs[0].data.buffer)], [1, -2]);
  assert.deepEqual(decodeStrings(request.inputs[1].data), ["grüße"]);
  assert.equal(new BigUint64Array(request.inputs[3].data.buffer)[0], 2n ** 64n - 1n);
  assert.deepEqual(Object.fromEntries(request.parameters!), {
    x: "y",
    n: 1,
    f: 2.5,
    b: true,
    id: "inner",
    sequence_id: 4,
    priority: 1,
    triton_x: 5,
    large: 9007199254740993n,
  });
  assert.deepEqual([request.correlationId, request.priority], [0, 0]);
});

Deno.test("readGenerateRequest() refuses what it cannot use, with the reference's text", () => {
  const wrong: [string, RegExp][] = [
    ["", /^failed to parse the request JSON buffer: The document is empty\. at 0$/],
    ["{", /Missing a name for object member\. at 1$/],
    ["[1]", /^attempt to get members for non-object/],
    ['{"id":5}', /^Unable to parse 'id': attempt to access JSON non-string as string/],
    ['{"parameters":5}', /^Expected JSON object for keyword: 'parameters'/],
    ['{"foo":null}', /^parameter 'foo' has invalid type/],
    ['{"foo":null,"id":5}', /^Unable to parse 'id'/],
    ['{"parameters":{"foo":[1]}}', /^Converting keyword: 'parameters': parameter 'foo' has invalid type/],
    ['{"parameters":{"parameters":{}}}', /^Converting keyword: 'parameters': parameter 'parameters' has invalid type/],
    ['{"parameters":{"GRID":[1]}}', /^Converting keyword: 'parameters': The schema can not convert input 'GRID'/],
    ['{"parameters":{"A":"x"}}', /^Converting keyword: 'parameters': Unable to parse 'data': attempt to access JSON/],
    [
      '{"GRID":[1,2,3]}',
      /^The schema can not convert input 'GRID' to tensor with proper shape: .*\[2,-1\].* 3 elements/,
    ],
    ['{"GRID":[[1,2],[3,4]]}', /^Unable to parse 'data': Shape does not match true shape of 'data' field/],
    ['{"A":"x"}', /^Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer/],
    ['{"A":null}', /^Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer/],
    ['{"A":1.5}', /^Unable to parse 'data'/],
  ];
  for (const [body, message] of wrong) {
    assert.throws(() => read(body), (error: { code: string; message: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, message);
      return true;
    }, body);
  }
});

Deno.test("readGenerateRequest() refuses an input that the request has already, with the reference's text", () => {
  const wrong: [string, string][] = [
    ['{"A":1,"A":2}', "[request id: <id_unknown>] input 'A' already exists in request"],
    ['{"A":1,"A":"x","id":"q"}', "[request id: q] input 'A' already exists in request"],
    ['{"parameters":{"A":2},"A":1}', "[request id: <id_unknown>] input 'A' already exists in request"],
    [
      '{"id":"q","A":1,"parameters":{"A":2}}',
      "Converting keyword: 'parameters': [request id: q] input 'A' already exists in request",
    ],
    [
      '{"parameters":{"A":1,"A":2}}',
      "Converting keyword: 'parameters': [request id: <id_unknown>] input 'A' already exists in request",
    ],
    [
      '{"parameters":{"A":1},"parameters":5}',
      "Converting keyword: 'parameters': [request id: <id_unknown>] input 'A' already exists in request",
    ],
  ];
  for (const [body, message] of wrong) assert.throws(() => read(body), { code: "INVALID_ARGUMENT", message }, body);
});

Deno.test("readGenerateRequest() takes the first of ids, parameters and objects of parameters", () => {
  const request = read('{"id":"a","id":5,"x":1,"x":null,"parameters":{"y":1,"y":[]},"parameters":{"A":1}}');
  assert.equal(request.id, "a");
  assert.deepEqual(Object.fromEntries(request.parameters!), { x: 1, y: 1 });
  assert.deepEqual(request.inputs, []);
});

Deno.test("readGenerateRequest() gives a batching model its rows", () => {
  const batching = modelOf([{ name: "IN", datatype: "INT32", dims: [-1] }], 4);
  assert.deepEqual(read('{"IN":[1,2,3]}', batching).inputs[0].shape, [1, 3]);
  assert.deepEqual(read('{"IN":7}', batching).inputs[0].shape, [1, 1]);
  assert.deepEqual(read('{"IN":[]}', batching).inputs[0].shape, [1, 0]);
});
