/** Clients of an ensemble that go while it runs, with gRPC's own client; the tests are in the Python file beside this one. */
import { ONNX, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { needing } from "../support/needing.ts";
import { pytestSteps } from "../support/pytest.ts";
import { TestServer } from "../support/server.ts";

/** A `long` execution multiplies matrices of this size so many times: a second or two on one core. */
const SIZE = 384;
const PRODUCTS = 500;

/** OUT is IN, after a while in which nothing can be cancelled. */
function long(): Uint8Array<ArrayBuffer> {
  const products = Array.from({ length: PRODUCTS }, (_, i) => ({
    op: "MatMul",
    inputs: [`m${i}`, `m${i}`],
    outputs: [`m${i + 1}`],
  }));
  return onnxModel({
    inputs: [{ name: "IN", type: ONNX.FLOAT, shape: [1] }],
    outputs: [{ name: "OUT", type: ONNX.FLOAT, shape: [1] }],
    constants: [{ name: "zeros", dims: [SIZE, SIZE], values: new Float32Array(SIZE * SIZE) }],
    nodes: [
      { op: "Mul", inputs: ["IN", "zeros"], outputs: ["m0"] },
      ...products,
      { op: "ReduceMax", inputs: [`m${PRODUCTS}`], outputs: ["zero"], integers: { keepdims: 0 } },
      { op: "Add", inputs: ["IN", "zero"], outputs: ["OUT"] },
    ],
  });
}

const TENSORS = `
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] } ]
`;
const ONE = "instance_group [ { kind: KIND_CPU count: 1 } ]";
const ONE_CORE = `parameters { key: "intra_op_thread_count" value { string_value: "1" } }`;
const step = (model: string, input: string, output: string) => `
  { model_name: "${model}" model_version: -1 input_map { key: "IN" value: "${input}" }
    output_map { key: "OUT" value: "${output}" } }`;

async function writeModel(repository: string, name: string, config: string, model?: Uint8Array): Promise<void> {
  await Deno.mkdir(`${repository}/${name}/1`, { recursive: true });
  await Deno.writeTextFile(`${repository}/${name}/config.pbtxt`, config);
  if (model) await Deno.writeFile(`${repository}/${name}/1/model.onnx`, model);
}

const python = await available(testPython());

Deno.test({
  ...needing("an ensemble whose client goes begins no further step", python.missing),
  async fn(t) {
    const repository = await Deno.makeTempDir({ prefix: "cancel-" });
    try {
      await writeModel(repository, "long", `backend: "onnxruntime" ${TENSORS} ${ONE} ${ONE_CORE}`, long());
      for (const name of ["begun", "last"]) await writeModel(repository, name, `backend: "identity" ${TENSORS} ${ONE}`);
      // `begun` tells that the request is there and `long` runs; `last` must not run once nobody waits for it
      await writeModel(
        repository,
        "chain",
        `platform: "ensemble"
        input [ { name: "IN" data_type: TYPE_FP32 dims: [ 1 ] } ]
        output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] }, { name: "BEGUN" data_type: TYPE_FP32 dims: [ 1 ] } ]
        ensemble_scheduling { step [
          ${step("long", "IN", "between")},
          ${step("begun", "IN", "BEGUN")},
          ${step("last", "between", "OUT")}
        ] }`,
      );
      await using server = await TestServer.start({
        repositories: [repository],
        args: ["--backend-config=onnxruntime,inline=off"],
      });
      await pytestSteps(t, python.value!, "tests/ensembles/test_cancel.py", {
        TRITON_HTTP: `127.0.0.1:${server.httpPort}`,
        TRITON_GRPC: server.grpc,
      });
    } finally {
      await Deno.remove(repository, { recursive: true });
    }
  },
});
