/** Implicit state on every runtime: it stays with the model, wherever that runs. */
import assert from "node:assert/strict";
import { onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { available } from "../setup/missing.ts";
import { webgpuAdapter } from "../setup/vulkan.ts";
import { infer, numbers, type WireTensor } from "../support/infer.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const SEQUENCES = 9;
const REQUESTS = 12;

/** OUT = (S + IN) / 2, T = S + IN, rows of 3. */
const MODEL = onnxModel({
  inputs: ["IN", "S"].map((name) => ({ name, shape: ["batch", 3] })),
  outputs: ["OUT", "T"].map((name) => ({ name, shape: ["batch", 3] })),
  constants: [{ name: "half", dims: [1], values: Float32Array.of(0.5) }],
  nodes: [
    { op: "Add", inputs: ["S", "IN"], outputs: ["T"] },
    { op: "Mul", inputs: ["T", "half"], outputs: ["OUT"] },
  ],
});

/** @param state what is added to the state's description. */
const configOf = (kind: string, strategy: string, state: string) => `
backend: "onnxruntime"
max_batch_size: 4
sequence_batching {
  ${strategy}
  max_sequence_idle_microseconds: 60000000
  state [ { input_name: "S" output_name: "T" data_type: TYPE_FP32 dims: [ 3 ] ${state} } ]
}
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 3 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 3 ] } ]
instance_group [ { kind: ${kind} count: 1 } ]
`;

const FROM_FILE = `initial_state [ { name: "first" data_type: TYPE_FP32 dims: [ 3 ] data_file: "first" } ]`;

async function writeModel(folder: string, config: string): Promise<void> {
  await Deno.mkdir(`${folder}/1`, { recursive: true });
  await Deno.mkdir(`${folder}/initial_state`);
  await Deno.writeFile(`${folder}/1/model.onnx`, MODEL);
  await Deno.writeFile(`${folder}/initial_state/first`, new Uint8Array(Float32Array.of(100, 200, 300).buffer));
  await Deno.writeTextFile(`${folder}/config.pbtxt`, config);
}

async function runSequence(http: string, model: string, id: number, initial: readonly number[]): Promise<void> {
  const total = [...initial];
  for (let i = 0; i < REQUESTS; i++) {
    const values = [id, id * i, -i];
    values.forEach((value, index) => total[index] += value);
    const input: WireTensor = {
      name: "IN",
      datatype: "FP32",
      shape: [1, 3],
      data: new Uint8Array(Float32Array.from(values).buffer),
    };
    const outputs = await infer(http, model, [input], {
      sequence_id: id,
      sequence_start: i === 0,
      sequence_end: i === REQUESTS - 1,
    });
    assert.deepEqual([...outputs.keys()], ["OUT"]);
    assert.deepEqual(
      [...numbers(outputs.get("OUT")!)],
      total.map((value) => value / 2),
      `sequence ${id}, request ${i}`,
    );
  }
}

const adapter = await available(webgpuAdapter());

for (
  const { name, kind, args, missing } of [
    { name: "native", kind: "KIND_CPU", args: ["--backend-config=onnxruntime,cpu-runtime=native"] },
    { name: "wasm", kind: "KIND_CPU", args: ["--backend-config=onnxruntime,cpu-runtime=wasm"] },
    { name: "webgpu", kind: "KIND_GPU", args: [], missing: adapter.missing },
  ]
) {
  Deno.test({
    ...needing(`sequences in batches keep their states on ${name}`, missing),
    async fn() {
      const repository = await Deno.makeTempDir({ prefix: "triton-ts-state-" });
      try {
        await writeModel(`${repository}/direct`, configOf(kind, "direct {}", ""));
        await writeModel(`${repository}/oldest`, configOf(kind, "oldest { max_candidate_sequences: 6 }", FROM_FILE));
        await using server = await TestServer.start({ repositories: [repository], args });
        const { models } = await (await fetch(`${server.http}/v2/models`)).json();
        for (const { versions: [{ device }] } of models) {
          assert.match(device, kind === "KIND_GPU" ? /GPU/ : new RegExp(name));
        }
        const ids = Array.from({ length: SEQUENCES }, (_, i) => i + 1);
        await Promise.all([
          ...ids.map((id) => runSequence(server.http, "direct", id, [0, 0, 0])),
          ...ids.map((id) => runSequence(server.http, "oldest", id, [100, 200, 300])),
        ]);
        const { model_stats: [{ execution_count, inference_count }] } =
          await (await fetch(`${server.http}/v2/models/oldest/stats`)).json();
        assert.equal(inference_count, SEQUENCES * REQUESTS);
        assert.ok(execution_count < inference_count, "sequences share executions");
      } finally {
        await Deno.remove(repository, { recursive: true });
      }
    },
  });
}

Deno.test("a model whose initial state is missing or too short does not load, and says why", async () => {
  const repository = await Deno.makeTempDir({ prefix: "triton-ts-state-" });
  try {
    const missing = FROM_FILE.replace('data_file: "first"', 'data_file: "none"');
    await writeModel(`${repository}/missing`, configOf("KIND_CPU", "", missing));
    await writeModel(`${repository}/short`, configOf("KIND_CPU", "", FROM_FILE));
    await Deno.truncate(`${repository}/short/initial_state/first`, 5);
    await using server = await TestServer.start({
      repositories: [repository],
      args: ["--exit-on-error=false"],
      until: "live",
    });
    const { models } = await (await fetch(`${server.http}/v2/models`)).json();
    const reasons = models.map((model: { versions: { reason: string }[] }) => model.versions[0].reason);
    assert.match(reasons[0], /failed to open text file for read .*initial_state\/none: No such file or directory/);
    assert.match(reasons[1], /initial_state setting expects 12 bytes .* only has 5 bytes/);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});
