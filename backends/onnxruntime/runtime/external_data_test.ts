import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import { join } from "node:path";
import { Status } from "../../../core/status.ts";
import { type GraphProto, GraphProtoSchema, ModelProtoSchema } from "../../../proto/gen/onnx_pb.ts";
import { onnxGraph, onnxModel } from "../graph_fixture.ts";
import { externalDataLocations, readExternalData } from "./external_data.ts";
import type { OrtRuntime } from "./options.ts";
import { hasAdapter, RemoteModel, tensor } from "./testing/remote_model.ts";

/** Y = X + W, with the four floats of W in the file `location`. */
function weighted(location: string): GraphProto {
  const graph = onnxGraph({
    inputs: [{ name: "X", type: 1, shape: [4] }],
    outputs: [{ name: "Y", type: 1, shape: [4] }],
    nodes: [{ op: "Add", inputs: ["X", "W"], outputs: ["Y"] }],
  });
  graph.initializer = create(GraphProtoSchema, {
    initializer: [{
      name: "W",
      dims: [4n],
      dataType: 1,
      dataLocation: 1,
      externalData: [{ key: "location", value: location }, { key: "offset", value: "0" }, {
        key: "length",
        value: "16",
      }],
    }],
  }).initializer;
  return graph;
}

function model(graph: GraphProto): Uint8Array<ArrayBuffer> {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport: [{ domain: "", version: 17n }] }),
  );
}

Deno.test("externalDataLocations() finds each location once, in subgraphs too", () => {
  const outer = onnxGraph({
    inputs: [{ name: "X" }],
    outputs: [{ name: "Y" }],
    nodes: [
      { op: "Loop", inputs: ["X"], outputs: ["Y"], subgraph: weighted("inner/w.bin") },
      { op: "Loop", inputs: ["X"], outputs: ["Z"], subgraph: weighted("inner/w.bin") },
    ],
  });
  outer.initializer = weighted("outer.bin").initializer;
  assert.deepEqual([...externalDataLocations(model(outer))].sort(), ["inner/w.bin", "outer.bin"]);
});

Deno.test("externalDataLocations() is empty for a model with its weights inside, and for what is no model", () => {
  const plain = onnxModel({ inputs: [{ name: "X" }], outputs: [{ name: "Y" }], initializers: ["W"] });
  assert.equal(externalDataLocations(plain).size, 0);
  assert.equal(externalDataLocations(new TextEncoder().encode("not a model, not at all")).size, 0);
  assert.equal(externalDataLocations(plain.subarray(0, plain.length - 3)).size, 0);
});

Deno.test("readExternalData() refuses files outside the model's folder and names those it cannot read", async () => {
  for (const location of ["../secret.bin", "/etc/passwd", "a/../../b"]) {
    await assert.rejects(readExternalData(model(weighted(location)), "/repository/m/1/model.onnx", "m"), (error) => {
      assert.ok(error instanceof Status && error.code === "INVALID_ARGUMENT");
      assert.ok(error.message.startsWith(`model 'm' keeps external data in '${location}', outside the folder`));
      return true;
    });
  }
  await assert.rejects(readExternalData(model(weighted("w.bin")), "/nowhere/model.onnx", "m"), (error) => {
    assert.ok(error instanceof Status && error.code === "UNAVAILABLE");
    assert.match(error.message, /'w\.bin', which cannot be read at .*w\.bin/);
    return true;
  });
});

for (const runtime of ["native", "wasm", "webgpu"] as OrtRuntime[]) {
  Deno.test(`run() uses weights in files beside the model on ${runtime}`, async () => {
    if (runtime === "webgpu" && !await hasAdapter()) return;
    const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
    try {
      await Deno.mkdir(join(folder, "weights"));
      await Deno.writeFile(join(folder, "model.onnx"), model(weighted("weights/w.bin")));
      await Deno.writeFile(join(folder, "weights/w.bin"), new Uint8Array(new Float32Array([10, 20, 30, 40]).buffer));
      await using remote = new RemoteModel();
      await remote.load({ runtime, modelPath: join(folder, "model.onnx") });
      const [{ data }] = await remote.run([tensor("X", "FP32", [4], new Float32Array([1, 2, 3, 4]))], ["Y"]);
      assert.deepEqual([...new Float32Array(data.slice().buffer)], [11, 22, 33, 44]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
