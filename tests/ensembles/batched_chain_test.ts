/** Ensembles of batching models on the GPU through a running server: many clients, one chain. */
import assert from "node:assert/strict";
import { onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { available } from "../setup/missing.ts";
import { webgpuAdapter } from "../setup/vulkan.ts";
import { infer, numbers, type WireTensor } from "../support/infer.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const adapter = await available(webgpuAdapter());

/** Adds to, or multiplies, the values of rows. */
function graph(op: "Add" | "Mul", value: number): Uint8Array {
  const shape = ["rows", "n"];
  return onnxModel({
    inputs: [{ name: "IN", shape }],
    outputs: [{ name: "OUT", shape }],
    constants: [{ name: "c", dims: [1], values: Float32Array.of(value) }],
    nodes: [{ op, inputs: ["IN", "c"], outputs: ["OUT"] }],
  });
}

const GPU = 'backend: "onnxruntime" instance_group [ { kind: KIND_GPU } ]';
const ORDERED = `${GPU} max_batch_size: 4 dynamic_batching { preserve_ordering: true }
  input { name: "IN" data_type: TYPE_FP32 dims: -1 } output { name: "OUT" data_type: TYPE_FP32 dims: -1 }`;

function pipeline(...models: string[]): string {
  const steps = models.map((model, i) => {
    const [from, to] = [i === 0 ? "IN" : `t${i}`, i === models.length - 1 ? "OUT" : `t${i + 1}`];
    return `step { model_name: "${model}" model_version: -1
      input_map { key: "IN" value: "${from}" } output_map { key: "OUT" value: "${to}" } }`;
  });
  return `platform: "ensemble" max_batch_size: 4
    input { name: "IN" data_type: TYPE_FP32 dims: -1 } output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
    ensemble_scheduling { ${steps.join(" ")} }`;
}

const rows = (...values: number[]): WireTensor => {
  return {
    name: "IN",
    datatype: "FP32",
    shape: [values.length, 1],
    data: new Uint8Array(Float32Array.from(values).buffer),
  };
};

async function get(server: TestServer, path: string) {
  return await (await fetch(`${server.http}/v2/models/${path}`)).json();
}

Deno.test({
  ...needing(
    "an ensemble of completed models on WebGPU runs many clients' requests in the batches of one chain",
    adapter.missing,
  ),
  async fn(t) {
    const repository = await Deno.makeTempDir({ prefix: "batched-chain-" });
    const write = async (name: string, config: string, model?: Uint8Array) => {
      await Deno.mkdir(`${repository}/${name}/1`, { recursive: true });
      await Deno.writeTextFile(`${repository}/${name}/config.pbtxt`, config);
      if (model) await Deno.writeFile(`${repository}/${name}/1/model.onnx`, model);
    };
    try {
      await write("plus", GPU, graph("Add", 1));
      await write("times", GPU, graph("Mul", 10));
      await write("ordered", ORDERED, graph("Add", 5));
      await write("chained", pipeline("plus", "times", "plus"));
      await write("mixed", pipeline("plus", "ordered"));
      await using server = await TestServer.start({ repositories: [repository], patience: 240_000 });

      await t.step("the log says what stays on the GPU, and what does not", () => {
        assert.ok(server.log.includes("chained: what plus, times hand to each other stays on the GPU"), server.log);
        const why = "since 'ordered' preserves the order of its requests";
        assert.ok(
          server.log.includes(`mixed: what 'plus' hands to 'ordered' goes by way of the CPU, ${why}`),
          server.log,
        );
      });

      await t.step("every client gets its own rows", async () => {
        const asked = Array.from({ length: 24 }, (_, i) => i % 3 === 0 ? [i, i + 0.5] : [i]);
        const answers = await Promise.all(asked.map((values) => infer(server.http, "chained", [rows(...values)])));
        answers.forEach((outputs, i) => {
          const out = outputs.get("OUT")!;
          assert.deepEqual(out.shape, [asked[i].length, 1]);
          assert.deepEqual([...numbers(out)], asked[i].map((value) => (value + 1) * 10 + 1));
        });
      });

      await t.step("its models count requests, rows and batches", async () => {
        const { model_stats: [times] } = await get(server, "times/stats");
        assert.deepEqual([times.inference_stats.success.count, times.inference_count], [24, 32]);
        assert.ok(times.execution_count < 24, `${times.execution_count} executions`);
        const { model_stats: [plus] } = await get(server, "plus/stats");
        assert.deepEqual([plus.inference_count, plus.execution_count], [64, 2 * times.execution_count]);
        const { batch_sizes } = await get(server, "times/batching");
        const total = batch_sizes.reduce((sum: number, each: { size: number; executions: number }) => {
          return sum + each.size * each.executions;
        }, 0);
        assert.equal(total, 32);
      });

      await t.step("the steps that are in no chain answer as well", async () => {
        const outputs = await infer(server.http, "mixed", [rows(1, 2)]);
        assert.deepEqual([...numbers(outputs.get("OUT")!)], [7, 8]);
      });
    } finally {
      await Deno.remove(repository, { recursive: true });
    }
  },
});
