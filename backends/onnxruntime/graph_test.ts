import assert from "node:assert/strict";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Status } from "../../core/status.ts";
import { ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { needing } from "../../tests/support/needing.ts";
import { shared, SHARED_ABSENT } from "../../tests/support/paths.ts";
import { modelPath, parseGraph, readGraph } from "./graph.ts";
import { graphOf, ONNX, onnxGraph, onnxModel } from "./graph_fixture.ts";

const testdata = shared("testdata/models");

Deno.test("parseGraph() gives names, types, shapes and symbols in the file's order", () => {
  const graph = graphOf({
    inputs: [
      { name: "b", type: ONNX.INT64, shape: ["batch", 16] },
      { name: "a", type: ONNX.STRING, shape: [undefined, 3] },
      { name: "scalar", shape: [] },
      { name: "unknown", type: ONNX.BFLOAT16 },
    ],
    outputs: [{ name: "out", type: ONNX.FLOAT16, shape: [-1] }],
  });
  assert.deepEqual(graph.inputs, [
    { name: "b", elementType: "INT64", datatype: "INT64", shape: [-1, 16], symbols: ["batch", ""] },
    { name: "a", elementType: "STRING", datatype: "BYTES", shape: [-1, 3], symbols: ["", ""] },
    { name: "scalar", elementType: "FLOAT", datatype: "FP32", shape: [], symbols: [] },
    { name: "unknown", elementType: "BFLOAT16", datatype: "BF16", shape: undefined, symbols: [] },
  ]);
  assert.deepEqual(graph.outputs, [
    { name: "out", elementType: "FLOAT16", datatype: "FP16", shape: [-1], symbols: [""] },
  ]);
});

Deno.test("parseGraph() takes inputs with an initializer for defaults from IR version 4 on", () => {
  const definition = {
    inputs: [{ name: "x", shape: [1] }, { name: "weight", shape: [1] }],
    outputs: [{ name: "y", shape: [1] }],
    initializers: ["weight"],
  };
  const names = (irVersion: number) => {
    const graph = graphOf({ ...definition, irVersion });
    return [graph.inputs.map(({ name }) => name), graph.overridable.map(({ name }) => name)];
  };
  assert.deepEqual(names(8), [["x"], ["weight"]]);
  assert.deepEqual(names(3), [["x"], []]);
});

Deno.test("parseGraph() lists operators of subgraphs, and tells control flow", () => {
  const body = onnxGraph({ inputs: [], outputs: [{ name: "z" }], nodes: [{ op: "LSTM", inputs: [], outputs: ["z"] }] });
  const graph = graphOf({
    inputs: [{ name: "x" }],
    outputs: [{ name: "y" }],
    nodes: [
      { op: "If", inputs: ["x"], outputs: ["y"], subgraph: body },
      { op: "ZipMap", domain: "ai.onnx.ml", inputs: [], outputs: [] },
    ],
  });
  assert.deepEqual([...graph.opTypes].sort(), ["If", "LSTM", "ai.onnx.ml.ZipMap"]);
  assert.equal(graph.controlFlow, true);
  assert.equal(graphOf({ inputs: [{ name: "x" }], outputs: [{ name: "y" }] }).controlFlow, false);
});

Deno.test("parseGraph() names inputs and outputs that are no tensors with their types", () => {
  const float = { value: { case: "tensorType" as const, value: { elemType: ONNX.FLOAT } } };
  const map = { value: { case: "mapType" as const, value: { keyType: ONNX.INT64, valueType: float } } };
  const graph = graphOf({
    inputs: [{ name: "maybe", special: { value: { case: "optionalType", value: { elemType: float } } } }],
    outputs: [
      { name: "loss", special: { value: { case: "sequenceType", value: { elemType: map } } } },
      { name: "y", shape: [1] },
    ],
  });
  assert.deepEqual(graph.nonTensorInputs, [
    { name: "maybe", onnxType: "ONNX_TYPE_OPTIONAL", type: "optional<tensor(FLOAT)>" },
  ]);
  assert.deepEqual(graph.nonTensorOutputs, [
    { name: "loss", onnxType: "ONNX_TYPE_SEQUENCE", type: "sequence<map<INT64, tensor(FLOAT)>>" },
  ]);
  assert.deepEqual(graph.outputs.map(({ name }) => name), ["y"]);
});

Deno.test("parseGraph() refuses empty, truncated and foreign files, naming them", () => {
  const good = onnxModel({ inputs: [{ name: "x", shape: [1] }], outputs: [{ name: "y", shape: [1] }] });
  const bad = [
    new Uint8Array(0),
    good.subarray(0, good.length - 9),
    new TextEncoder().encode("<html>not found</html>"),
  ];
  for (const file of bad) {
    assert.throws(() => parseGraph(file, "/models/m/1/model.onnx"), (error) => {
      assert.ok(error instanceof Status);
      assert.equal(error.code, "INTERNAL");
      assert.match(error.message, /^onnx runtime error 7: Load model from \/models\/m\/1\/model\.onnx failed:Protobuf/);
      assert.match(error.message, new RegExp(`\\(${file.length} bytes\\)`));
      return true;
    });
  }
});

Deno.test("parseGraph() skips large weights without copying them", () => {
  const small = onnxModel({ inputs: [{ name: "x", shape: [1] }], outputs: [{ name: "y", shape: [1] }] });
  // ModelProto.graph (7) > GraphProto.initializer (5) > TensorProto.raw_data (9): protobuf merges a repeated message.
  const size = 30_000_000;
  const raw = [...tag(9), ...varint(size)];
  const initializer = [...tag(5), ...varint(raw.length + size)];
  const head = [...tag(7), ...varint(initializer.length + raw.length + size), ...initializer, ...raw];
  const file = new Uint8Array(small.length + head.length + size);
  file.set(small);
  file.set(head, small.length);
  const before = Deno.memoryUsage().external;
  const graph = parseGraph(file, "big.onnx");
  assert.equal(graph.bytes, file.length);
  assert.deepEqual(graph.inputs.map(({ name }) => name), ["x"]);
  assert.ok(Deno.memoryUsage().external - before < 1_000_000);
});

function tag(field: number): number[] {
  return varint((field << 3) | 2);
}

function varint(value: number): number[] {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

Deno.test("modelPath() finds a file or a directory with model.onnx, and says what is there instead", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const source = (defaultModelFilename: string) => ({
      name: "m",
      version: 1,
      directory,
      versionDirectory: directory,
      config: create(ModelConfigSchema, { name: "m", defaultModelFilename }),
    });
    await Deno.writeTextFile(join(directory, "net.onnx"), "");
    await Deno.mkdir(join(directory, "bundle"));
    await Deno.writeTextFile(join(directory, "bundle", "model.onnx"), "");
    await Deno.mkdir(join(directory, "hollow"));
    assert.equal(await modelPath(source("net.onnx")), join(directory, "net.onnx"));
    assert.equal(await modelPath(source("bundle")), join(directory, "bundle", "model.onnx"));
    await assert.rejects(modelPath(source("")), (error) => {
      assert.ok(error instanceof Status);
      assert.equal(error.code, "UNAVAILABLE");
      assert.ok(error.message.startsWith(`unable to find '${join(directory, "model.onnx")}' for model instance 'm'`));
      assert.match(error.message, /bundle, hollow, net\.onnx/);
      return true;
    });
    await assert.rejects(modelPath(source("hollow")), { message: /hollow\/model\.onnx/ });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  ...needing("readGraph() reads real models", testdata ? undefined : SHARED_ABSENT),
  async fn() {
    const read = (name: string) => readGraph(`${testdata}/${name}/model.onnx`);
    const silero = await read("silero_vad_v5");
    assert.equal(silero.controlFlow, true);
    assert.ok(silero.opTypes.has("LSTM"));
    assert.ok(silero.comparedIntegers.includes(16000));
    assert.deepEqual(silero.inputs.map(({ name, datatype, shape }) => [name, datatype, shape]), [
      ["input", "FP32", [-1, -1]],
      ["state", "FP32", [2, -1, 128]],
      ["sr", "INT64", []],
    ]);
    const faces = await read("ultraface_rfb320");
    assert.deepEqual(faces.inputs.map(({ name }) => name), ["input"]);
    assert.ok(faces.overridable.length > 100);
    const snacks = await read("snack_squeezenet_fp16");
    assert.equal(snacks.nonTensorOutputs[0].type, "sequence<map<STRING, tensor(FLOAT)>>");
  },
});
