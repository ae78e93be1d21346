import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { DATA_TYPES, type DataType, ELEMENT_SIZE } from "../core/data_type.ts";
import { InferenceRequest } from "../core/inference.ts";
import type { Status } from "../core/status.ts";
import { elementCount, encodeBytes, type Tensor } from "../core/tensor.ts";
import { ModelConfigSchema, ModelSequenceBatching_Control_Kind } from "../proto/gen/model_config_pb.ts";
import { RequestNormalizer } from "./normalize.ts";

interface InputSpec {
  name: string;
  type?: DataType;
  dims: number[];
  reshape?: number[];
  optional?: boolean;
}

function normalizer(maxBatchSize: number, inputs: InputSpec[], outputs: string[] = ["OUT"]): RequestNormalizer {
  return new RequestNormalizer(create(ModelConfigSchema, {
    name: "m",
    maxBatchSize,
    input: inputs.map(({ name, type = "INT32", dims, reshape, optional }) => ({
      name,
      dataType: DATA_TYPES.indexOf(type),
      dims: dims.map(BigInt),
      reshape: reshape && { shape: reshape.map(BigInt) },
      optional,
    })),
    output: outputs.map((name) => ({ name, dataType: 8, dims: [-1n] })),
  }));
}

function tensor(name: string, shape: number[], type: DataType = "INT32", bytes?: number | Uint8Array): Tensor {
  const data = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes ?? elementCount(shape) * ELEMENT_SIZE[type]);
  return { name, datatype: type, shape, data };
}

function request(inputs: Tensor[], outputs: string[] = [], id = ""): InferenceRequest {
  const made = new InferenceRequest("m", "");
  made.inputs = inputs;
  made.outputs = outputs;
  made.id = id;
  return made;
}

function refuses(model: RequestNormalizer, bad: InferenceRequest, text: string): void {
  assert.throws(() => model.normalize(bad), (error: Status) => {
    assert.equal(error.message, text);
    assert.equal(error.code, "INVALID_ARGUMENT");
    return true;
  });
}

const NOTE =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to " +
  "each input shape. If you want to specify the full shape including the batch dim in your input dims config, try " +
  "setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size.";
const ANON = "[request id: <id_unknown>] ";
const simple = () => normalizer(8, [{ name: "A", dims: [4] }, { name: "B", dims: [4] }], ["O0", "O1"]);

Deno.test("normalize() sets the batch size and leaves a good request as it is", () => {
  const good = request([tensor("A", [3, 4]), tensor("B", [3, 4])], ["O1", "O0"]);
  const inputs = [...good.inputs];
  simple().normalize(good);
  assert.equal(good.batchSize, 3);
  assert.equal(good.inputs[0], inputs[0]);
  assert.equal(good.inputs[1], inputs[1]);
});

Deno.test("normalize() keeps a batch size of 1 for a model that does not batch", () => {
  const good = request([tensor("A", [5, 2])]);
  normalizer(0, [{ name: "A", dims: [-1, 2] }]).normalize(good);
  assert.equal(good.batchSize, 1);
});

Deno.test("normalize() refuses duplicates before anything else", () => {
  refuses(simple(), request([tensor("A", [1, 4]), tensor("A", [1, 4])]), `${ANON}input 'A' already exists in request`);
  const many = Array.from({ length: 40 }, (_, i) => tensor(`X${i % 39}`, [1]));
  refuses(simple(), request(many), `${ANON}input 'X0' already exists in request`);
  const twice = request([tensor("A", [1, 4])], ["O1", "O1"], "7");
  refuses(simple(), twice, "[request id: 7] output 'O1' already exists in request");
});

Deno.test("normalize() names an output that the model does not have", () => {
  refuses(simple(), request([], ["NOPE"]), "unexpected inference output 'NOPE' for model 'm'");
  refuses(simple(), request([], ["O0", "O1", "X"]), "unexpected inference output 'X' for model 'm'");
});

Deno.test("normalize() tells which inputs it got and which are missing", () => {
  const wrong = (got: string, missing: string, count: number) =>
    `${ANON}expected 2 inputs but got ${count} inputs for model 'm'. Got input(s) ${got}, but missing required input(s) ` +
    `${missing}. Please provide all required input(s).`;
  refuses(simple(), request([tensor("A", [1, 4])]), wrong("['A']", "['B']", 1));
  refuses(simple(), request([]), wrong("[]", "['A','B']", 0));
  const many = request([tensor("A", [1, 4]), tensor("B", [1, 4]), tensor("C", [1, 4])]);
  refuses(simple(), many, `${wrong("['A','B','C']", "]", 3)} Unexpected input(s): ['C'].`);
});

Deno.test("normalize() lets optional inputs be missing, and no optional one stand in for a required one", () => {
  const model = normalizer(0, [{ name: "A", dims: [-1] }, { name: "B", dims: [-1], optional: true }]);
  model.normalize(request([tensor("A", [1])]));
  model.normalize(request([tensor("B", [1]), tensor("A", [2])]));
  const text = (got: string, count: number) =>
    `${ANON}expected number of inputs between 1 and 2 but got ${count} inputs for model 'm'. Got input(s) [${got}], but ` +
    `missing required input(s) ['A']. Please provide all required input(s).`;
  refuses(model, request([]), text("", 0));
  refuses(model, request([tensor("B", [1])]), text("'B'", 1));
});

Deno.test("normalize() names an input that the model does not have", () => {
  refuses(
    simple(),
    request([tensor("A", [1, 4]), tensor("NOPE", [1, 4])]),
    "unexpected inference input 'NOPE' for model 'm'",
  );
});

Deno.test("normalize() checks the batch dimension", () => {
  const both = (a: number[], b: number[]) => request([tensor("A", a), tensor("B", b)]);
  refuses(simple(), both([], []), `${ANON}input 'B' has no shape but model requires batch dimension for 'm'`);
  refuses(simple(), both([2, 4], [3, 4]), `${ANON}input 'A' batch size does not match other inputs for 'm'`);
  refuses(simple(), both([9, 4], [9, 4]), `${ANON}inference request batch-size must be <= 8 for 'm'`);
  refuses(
    simple(),
    both([0, 4], [0, 4]),
    `${ANON}input byte size mismatch for input 'B' for model 'm'. Expected 16, got 0`,
  );
  refuses(
    simple(),
    request([tensor("A", [-1, 4], "INT32", 16), tensor("B", [-1, 4], "INT32", 16)]),
    `${ANON}All input dimensions should be specified for input 'B' for model 'm', got [-1,4]`,
  );
});

Deno.test("normalize() takes a batch of no rows and no bytes for one row", () => {
  const empty = request([tensor("A", [0, 0])]);
  normalizer(8, [{ name: "A", dims: [-1] }]).normalize(empty);
  assert.deepEqual(empty.inputs[0].shape, [1, 0]);
  assert.equal(empty.batchSize, 1);
});

Deno.test("normalize() checks datatype and shape", () => {
  const both = (a: Tensor) => request([a, tensor("B", [1, 4])]);
  refuses(
    simple(),
    both(tensor("A", [1, 4], "FP32")),
    `${ANON}inference input 'A' data-type is 'FP32', but model 'm' expects 'INT32'`,
  );
  const expected = (got: string) =>
    `${ANON}unexpected shape for input 'A' for model 'm'. Expected [-1,4], got ${got}. `;
  refuses(simple(), both(tensor("A", [1, 5])), expected("[1,5]") + NOTE);
  refuses(simple(), both(tensor("A", [1, 1, 4])), expected("[1,1,4]") + NOTE);
  const plain = normalizer(0, [{ name: "A", dims: [4] }]);
  refuses(
    plain,
    request([tensor("A", [1, 4])]),
    `${ANON}unexpected shape for input 'A' for model 'm'. Expected [4], got [1,4]. `,
  );
  refuses(
    plain,
    request([tensor("A", [-1], "INT32", 16)]),
    `${ANON}All input dimensions should be specified for input 'A' for model 'm', got [-1]`,
  );
  refuses(
    plain,
    request([tensor("A", [-2], "INT32", 16)]),
    "invalid shape for input 'A': shape [-2] contains one or more invalid dimensions",
  );
});

Deno.test("normalize() compares the bytes with what shape and type need", () => {
  const model = normalizer(0, [{ name: "A", dims: [-1, 2] }]);
  const text = (expected: number, got: number) =>
    `${ANON}input byte size mismatch for input 'A' for model 'm'. Expected ${expected}, got ${got}`;
  refuses(model, request([tensor("A", [3, 2], "INT32", 23)]), text(24, 23));
  refuses(model, request([tensor("A", [3, 2], "INT32", 28)]), text(24, 28));
  model.normalize(request([tensor("A", [0, 2])]));
});

Deno.test("normalize() walks the elements of BYTES", () => {
  const model = normalizer(0, [{ name: "A", type: "BYTES", dims: [-1] }]);
  const strings = (shape: number[], data: Uint8Array) => request([tensor("A", shape, "BYTES", data)]);
  const three = encodeBytes(["abc", "", "\u00ff"]);
  model.normalize(strings([3], three));
  model.normalize(strings([0], new Uint8Array()));
  refuses(
    model,
    strings([4], three),
    `${ANON}expected 4 string elements for inference input 'A' for model 'm', got 3`,
  );
  refuses(
    model,
    strings([2], three),
    `${ANON}unexpected number of string elements 3 for inference input 'A' for model 'm', expecting 2`,
  );
  refuses(
    model,
    strings([2], Uint8Array.of(1, 0, 0, 0, 65, 1, 0)),
    `${ANON}incomplete string length indicator for inference input 'A' for model 'm', expecting 4 bytes but only 2 bytes ` +
      `available. Please make sure the string length indicator is in one buffer.`,
  );
  refuses(
    model,
    strings([1], Uint8Array.of(5, 0, 0, 0, 65, 66, 67)),
    "incomplete string data for inference input 'A', expecting string of length 5 but only 3 bytes available",
  );
  refuses(
    model,
    strings([1], Uint8Array.of(255, 255, 255, 255, 65)),
    "incomplete string data for inference input 'A', expecting string of length 4294967295 but only 1 bytes available",
  );
});

Deno.test("normalize() reads strings wherever a view begins", () => {
  const data = new Uint8Array([9, 9, 9, ...encodeBytes(["ab", "c"])]).subarray(3);
  normalizer(4, [{ name: "A", type: "BYTES", dims: [1] }]).normalize(request([tensor("A", [2, 1], "BYTES", data)]));
});

Deno.test("normalize() gives inputs with a reshape the shape of the backend", () => {
  const reshape = (maxBatchSize: number, dims: number[], to: number[], shape: number[]) => {
    const made = request([tensor("A", shape)]);
    normalizer(maxBatchSize, [{ name: "A", dims, reshape: to }]).normalize(made);
    return made.inputs[0].shape;
  };
  assert.deepEqual(reshape(4, [4], [2, 2], [3, 4]), [3, 2, 2]);
  assert.deepEqual(reshape(4, [1], [], [3, 1]), [3]);
  assert.deepEqual(reshape(0, [-1, 4, -1], [-1, 2, 2, -1], [7, 4, 9]), [7, 2, 2, 9]);
  refuses(
    normalizer(4, [{ name: "A", dims: [4], reshape: [2, 2] }]),
    request([tensor("A", [1, 2, 2])]),
    `${ANON}unexpected shape for input 'A' for model 'm'. Expected [-1,4], got [1,2,2]. ${NOTE}`,
  );
});

Deno.test("normalize() compares the kind of correlation id with the model's control", () => {
  const model = (dataType: number) =>
    new RequestNormalizer(create(ModelConfigSchema, {
      name: "m",
      schedulingChoice: {
        case: "sequenceBatching",
        value: {
          controlInput: [{
            name: "CORRID",
            control: [{ kind: ModelSequenceBatching_Control_Kind.CONTROL_SEQUENCE_CORRID, dataType }],
          }],
        },
      },
    }));
  const sequence = (correlationId: number | string) => {
    const made = request([], [], "X");
    made.correlationId = correlationId;
    return made;
  };
  const numeric = DATA_TYPES.indexOf("UINT64");
  const text = DATA_TYPES.indexOf("BYTES");
  model(numeric).normalize(sequence(5));
  model(text).normalize(sequence("five"));
  refuses(
    model(numeric),
    sequence("five"),
    "[request id: X] sequence batching control 'CORRID' data-type is 'BYTES', but model 'm' expects 'UINT64'",
  );
  refuses(
    model(text),
    sequence(5),
    "[request id: X] sequence batching control 'CORRID' data-type is 'UINT64', but model 'm' expects 'BYTES'",
  );
});
