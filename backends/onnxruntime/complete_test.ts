import assert from "node:assert/strict";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { configTypeName, DATA_TYPES } from "../../core/data_type.ts";
import { Status } from "../../core/status.ts";
import {
  type ModelConfig,
  ModelConfigSchema,
  type ModelInput,
  type ModelOutput,
} from "../../proto/gen/model_config_pb.ts";
import { completeConfig } from "./complete.ts";
import { type GraphDefinition, graphOf, ONNX } from "./graph_fixture.ts";

type Init = MessageInitShape<typeof ModelConfigSchema>;

/** What a test reads of an entry: `name TYPE [dims]`, and the reshape where there is one. */
function text(entry: ModelInput | ModelOutput): string {
  const type = DATA_TYPES[entry.dataType];
  const reshape = entry.reshape ? ` as [${entry.reshape.shape}]` : "";
  return `${entry.name} ${type ? configTypeName(type) : "TYPE_INVALID"} [${entry.dims}]${reshape}`;
}

function complete(config: Init, graph: GraphDefinition, defaultMaxBatchSize = 4) {
  const completed = create(ModelConfigSchema, { name: "m", ...config });
  const infos: string[] = [];
  completeConfig(completed, graphOf(graph), defaultMaxBatchSize, (message) => infos.push(message));
  return { config: completed, infos, inputs: completed.input.map(text), outputs: completed.output.map(text) };
}

const scheduling = (config: ModelConfig) => config.schedulingChoice.case;

const FREE: GraphDefinition = {
  inputs: [{ name: "x", shape: ["batch", 16] }, { name: "flag", type: ONNX.BOOL, shape: ["batch"] }],
  outputs: [{ name: "y", type: ONNX.INT64, shape: [undefined, -1] }],
};

Deno.test("completeConfig() fills an empty config of a graph that can batch", () => {
  const { config, inputs, outputs, infos } = complete({}, FREE);
  assert.deepEqual(inputs, ["x TYPE_FP32 [16]", "flag TYPE_BOOL [1] as []"]);
  assert.deepEqual(outputs, ["y TYPE_INT64 [-1]"]);
  assert.equal(config.maxBatchSize, 4);
  assert.equal(scheduling(config), "dynamicBatching");
  assert.equal(config.defaultModelFilename, "model.onnx");
  assert.match(infos[0], /^autofilled max_batch_size to 4 for model 'm'/);
});

Deno.test("completeConfig() batches only where every first dimension is free", () => {
  const cases: [string, GraphDefinition][] = [
    ["a fixed input", { inputs: [{ name: "x", shape: [1, 3] }], outputs: [{ name: "y", shape: [undefined, 3] }] }],
    ["a fixed output", { inputs: [{ name: "x", shape: [undefined, 3] }], outputs: [{ name: "y", shape: [1, 3] }] }],
    ["a scalar", { inputs: [{ name: "x", shape: [] }], outputs: [{ name: "y", shape: [undefined] }] }],
    ["an unknown shape", { inputs: [{ name: "x" }], outputs: [{ name: "y", shape: [undefined] }] }],
  ];
  for (const [title, graph] of cases) {
    const { config } = complete({}, graph);
    assert.equal(config.maxBatchSize, 0, title);
    assert.equal(scheduling(config), undefined, title);
  }
});

Deno.test("completeConfig() writes scalars as dims [1], and unknown shapes as one free dimension", () => {
  const { inputs, outputs } = complete({}, {
    inputs: [{ name: "rate", type: ONNX.INT64, shape: [] }, { name: "x", shape: [undefined, 2] }],
    outputs: [{ name: "y" }],
  });
  assert.deepEqual(inputs, ["rate TYPE_INT64 [1]", "x TYPE_FP32 [-1,2]"]);
  assert.deepEqual(outputs, ["y TYPE_FP32 [-1]"]);
});

Deno.test("completeConfig() keeps max_batch_size and the scheduler that the config has", () => {
  assert.equal(complete({ maxBatchSize: 9 }, FREE).config.maxBatchSize, 9);
  assert.equal(scheduling(complete({ maxBatchSize: 9 }, FREE).config), "dynamicBatching");
  assert.equal(scheduling(complete({ maxBatchSize: 1 }, FREE).config), undefined);
  const sequence = complete({ schedulingChoice: { case: "sequenceBatching", value: {} } }, FREE).config;
  assert.equal(scheduling(sequence), "sequenceBatching");
  assert.equal(sequence.maxBatchSize, 4);
  const none = complete({}, FREE, 0).config;
  assert.equal(none.maxBatchSize, 0);
  assert.equal(scheduling(none), undefined);
  assert.equal(scheduling(complete({}, FREE, 1).config), undefined);
});

Deno.test("completeConfig() refuses max_batch_size for a graph that cannot batch, unless both lists are given", () => {
  const graph = { inputs: [{ name: "x", shape: [1, 3] }], outputs: [{ name: "y", shape: [1, 3] }] };
  assert.throws(() => complete({ maxBatchSize: 2 }, graph), (error) => {
    assert.ok(error instanceof Status && error.code === "INVALID_ARGUMENT");
    assert.match(
      error.message,
      /^autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified/,
    );
    assert.match(error.message, /'x' \(TYPE_FP32 \[1,3\]\)/);
    return true;
  });
  const io = { name: "x", dataType: 11, dims: [3n] };
  complete({ maxBatchSize: 2, input: [io], output: [{ ...io, name: "y" }] }, graph);
});

Deno.test("completeConfig() leaves batching alone when both lists are given", () => {
  const { config } = complete({
    input: [{ name: "x", dataType: 11, dims: [-1n, 16n] }],
    output: [{ name: "y", dataType: 9, dims: [-1n, -1n] }],
  }, FREE);
  assert.equal(config.maxBatchSize, 0);
  assert.equal(scheduling(config), undefined);
  assert.equal(config.input.length, 1);
});

Deno.test("completeConfig() completes the list that is missing, and entries without type or dims", () => {
  const given = complete({ input: [{ name: "x", dims: [8n] }, { name: "flag" }, { name: "typo" }] }, FREE);
  assert.deepEqual(given.inputs, ["x TYPE_FP32 [8]", "flag TYPE_BOOL [1] as []", "typo TYPE_INVALID []"]);
  assert.deepEqual(given.outputs, ["y TYPE_INT64 [-1]"]);
  assert.equal(given.config.maxBatchSize, 4);
  const outputs = complete({ output: [{ name: "y", dataType: 9 }] }, FREE);
  assert.deepEqual(outputs.outputs, ["y TYPE_INT64 [-1]"]);
  assert.deepEqual(outputs.inputs, ["x TYPE_FP32 [16]", "flag TYPE_BOOL [1] as []"]);
});

Deno.test("completeConfig() does not list inputs that sequence batching feeds", () => {
  const { inputs } = complete({
    schedulingChoice: {
      case: "sequenceBatching",
      value: { controlInput: [{ name: "flag" }], state: [{ inputName: "s", outputName: "y" }] },
    },
  }, { ...FREE, inputs: [...FREE.inputs, { name: "s", shape: [undefined, 2] }] });
  assert.deepEqual(inputs, ["x TYPE_FP32 [16]"]);
});

Deno.test("completeConfig() does not list inputs when batch_input is given", () => {
  const { inputs } = complete({ batchInput: [{ targetName: ["x"], dataType: 11, sourceInput: ["x"] }] }, FREE);
  assert.deepEqual(inputs, []);
});

Deno.test("completeConfig() leaves out outputs that are no tensors, and says so", () => {
  const float = { value: { case: "tensorType" as const, value: { elemType: ONNX.FLOAT } } };
  const special = { value: { case: "sequenceType" as const, value: { elemType: float } } };
  const { outputs, infos, config } = complete({}, {
    inputs: [{ name: "x", shape: [undefined] }],
    outputs: [{ name: "loss", special }, { name: "y", shape: [undefined] }],
  });
  assert.deepEqual(outputs, ["y TYPE_FP32 [1] as []"]);
  assert.equal(config.maxBatchSize, 4);
  assert.ok(
    infos.some((info) => info.includes("output 'loss' of model 'm' is left out: it is a sequence<tensor(FLOAT)>")),
  );
  assert.throws(
    () => complete({}, { inputs: [{ name: "x", special }], outputs: [{ name: "y" }] }),
    { code: "UNSUPPORTED", message: /^Unsupported ONNX Type 'ONNX_TYPE_SEQUENCE' for I\/O 'x', expected/ },
  );
});

Deno.test("completeConfig() refuses element types that cannot be served", () => {
  const graph = (type: number) => ({ inputs: [{ name: "x", type, shape: [1] }], outputs: [{ name: "y", shape: [1] }] });
  assert.throws(() => complete({}, graph(ONNX.BFLOAT16)), {
    code: "INTERNAL",
    message: /^unsupported datatype TYPE_BF16 for input 'x' for model 'm'/,
  });
  assert.throws(() => complete({}, graph(14)), { message: /^unsupported datatype COMPLEX64 for input 'x'/ });
});
