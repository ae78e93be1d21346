/** The dynamic batcher through a running server: which batches form, and that every client gets its own rows. */
import assert from "node:assert/strict";
import { ONNX, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { decodeStrings, encodeBytes } from "../../core/tensor.ts";
import { binaryRequest, infer, numbers, type WireTensor } from "../support/infer.ts";
import { TestServer } from "../support/server.ts";

/** A batch that is not full waits so long that a test would fail before. */
const FOREVER = "max_queue_delay_microseconds: 600000000";

const IDENTITY = `
backend: "identity"
input [ { name: "IN" data_type: TYPE_FP32 dims: [ -1 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ -1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
`;

/** OUT is RAGGED + RAGGED as one vector, LENGTH the length of each row's part. */
const RAGGED = onnxModel({
  inputs: [{ name: "RAGGED", shape: ["all"] }, { name: "LENGTHS", shape: ["rows"] }],
  outputs: [{ name: "OUT", shape: ["all"] }, { name: "LENGTH", shape: ["rows", 1] }],
  constants: [{ name: "axis", dims: [1], values: BigInt64Array.of(1n) }],
  nodes: [
    { op: "Add", inputs: ["RAGGED", "RAGGED"], outputs: ["OUT"] },
    { op: "Unsqueeze", inputs: ["LENGTHS", "axis"], outputs: ["LENGTH"] },
  ],
});

const RAGGED_CONFIG = `
backend: "onnxruntime"
max_batch_size: 3
input [ { name: "RAGGED" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ -1 ] }, { name: "LENGTH" data_type: TYPE_FP32 dims: [ 1 ] } ]
batch_input [
  { kind: BATCH_ELEMENT_COUNT target_name: "LENGTHS" data_type: TYPE_FP32 source_input: "RAGGED" }
]
batch_output [
  { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "OUT" source_input: "RAGGED" }
]
dynamic_batching { ${FOREVER} }
instance_group [ { kind: KIND_CPU count: 1 } ]
`;

/** OUT is IN and the sum of all rows of the batch, so that it tells of rows that were added. */
const SUM = onnxModel({
  inputs: [{ name: "IN", shape: ["rows", 1] }],
  outputs: [{ name: "OUT", shape: ["rows", 1] }],
  constants: [{ name: "axis", dims: [1], values: BigInt64Array.of(0n) }],
  nodes: [
    { op: "ReduceSum", inputs: ["IN", "axis"], outputs: ["sum"], integers: { keepdims: 1 } },
    { op: "Add", inputs: ["IN", "sum"], outputs: ["OUT"] },
  ],
});

const PADDED_CONFIG = `
backend: "onnxruntime"
max_batch_size: 4
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 1 ] } ]
parameters { key: "allowed_batch_sizes" value { string_value: "1,4" } }
instance_group [ { kind: KIND_CPU count: 1 } ]
`;

/** OUT is IN, on text. */
const TEXT = onnxModel({
  inputs: [{ name: "IN", type: ONNX.STRING, shape: ["rows", 1] }],
  outputs: [{ name: "OUT", type: ONNX.STRING, shape: ["rows", 1] }],
  nodes: [{ op: "Identity", inputs: ["IN"], outputs: ["OUT"] }],
});

const TEXT_CONFIG = `
backend: "onnxruntime"
max_batch_size: 2
input [ { name: "IN" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_STRING dims: [ 1 ] } ]
dynamic_batching { ${FOREVER} }
instance_group [ { kind: KIND_CPU count: 1 } ]
`;

async function writeModel(repository: string, name: string, config: string, model?: Uint8Array): Promise<void> {
  await Deno.mkdir(`${repository}/${name}/1`, { recursive: true });
  await Deno.writeTextFile(`${repository}/${name}/config.pbtxt`, config);
  if (model) await Deno.writeFile(`${repository}/${name}/1/model.onnx`, model);
}

function fp32(name: string, shape: readonly number[], values: readonly number[]): WireTensor {
  return { name, datatype: "FP32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function text(element: string | Uint8Array): WireTensor {
  return { name: "IN", datatype: "BYTES", shape: [1, 1], data: encodeBytes([element]) };
}

async function batching(server: TestServer, model: string) {
  return await (await fetch(`${server.http}/v2/models/${model}/batching`)).json();
}

/** Waits until so many requests wait. */
async function pending(server: TestServer, model: string, count: number): Promise<void> {
  while ((await batching(server, model)).pending_requests !== count);
}

Deno.test("a server with batching models forms the batches that their configurations ask for", async (t) => {
  const repository = await Deno.makeTempDir({ prefix: "batching-" });
  await writeModel(
    repository,
    "preferred",
    `max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4 ] ${FOREVER} } ${IDENTITY}`,
  );
  await writeModel(repository, "shapes", `max_batch_size: 2 dynamic_batching { ${FOREVER} } ${IDENTITY}`);
  await writeModel(
    repository,
    "timeouts",
    `max_batch_size: 2 dynamic_batching { ${FOREVER} default_queue_policy { allow_timeout_override: true
      default_timeout_microseconds: 500000000 max_queue_size: 1 } } ${IDENTITY}`,
  );
  await writeModel(repository, "ragged", RAGGED_CONFIG, RAGGED);
  await writeModel(repository, "padded", PADDED_CONFIG, SUM);
  await writeModel(repository, "text", TEXT_CONFIG, TEXT);
  try {
    await using server = await TestServer.start({ repositories: [repository] });
    const { http } = server;

    await t.step("preferred sizes go at once, and every request gets its own rows", async () => {
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => infer(http, "preferred", [fp32("IN", [1, 2], [i, 2 * i])])),
      );
      answers.forEach((outputs, i) => assert.deepEqual([...numbers(outputs.get("OUT")!)], [i, 2 * i]));
      const { batch_sizes, closed, explanation } = await batching(server, "preferred");
      assert.deepEqual(batch_sizes, [{ size: 4, executions: 2 }]);
      assert.equal(closed.preferred, 2);
      assert.match(explanation.join(" "), /100 % of the batches had a preferred size \(4\)/);
    });

    await t.step("requests of different shapes do not run together", async () => {
      const ask = (length: number) => infer(http, "shapes", [fp32("IN", [1, length], new Array(length).fill(length))]);
      const first = ask(1);
      await pending(server, "shapes", 1);
      const others = [ask(2), ask(2)];
      const lengths = (await Promise.all([first, ...others])).map((outputs) => numbers(outputs.get("OUT")!).length);
      assert.deepEqual(lengths, [1, 2, 2]);
      const { batch_sizes, closed } = await batching(server, "shapes");
      assert.deepEqual(batch_sizes, [{ size: 1, executions: 1 }, { size: 2, executions: 1 }]);
      assert.deepEqual([closed.shape, closed.full], [1, 1]);
    });

    await t.step("ragged inputs are one vector, and scattered outputs are cut from one", async () => {
      const lengths = [1, 3, 2];
      const answers = await Promise.all(lengths.map((length) => {
        return infer(http, "ragged", [fp32("RAGGED", [1, length], new Array(length).fill(length))]);
      }));
      answers.forEach((outputs, i) => {
        const length = lengths[i];
        assert.deepEqual(outputs.get("OUT")!.shape, [1, length]);
        assert.deepEqual([...numbers(outputs.get("OUT")!)], new Array(length).fill(2 * length));
        assert.deepEqual([...numbers(outputs.get("LENGTH")!)], [length]);
      });
      assert.deepEqual((await batching(server, "ragged")).batch_sizes, [{ size: 3, executions: 1 }]);
    });

    await t.step("rows that pad a batch to an allowed size are executed, and nobody sees them", async () => {
      const outputs = await infer(http, "padded", [fp32("IN", [3, 1], [1, 2, 3])]);
      assert.deepEqual(outputs.get("OUT")!.shape, [3, 1]);
      assert.deepEqual([...numbers(outputs.get("OUT")!)], [10, 11, 12]);
      const { batch_sizes, inference_count } = await batching(server, "padded");
      assert.deepEqual([batch_sizes, inference_count], [[{ size: 3, executions: 1 }], 3]);
    });

    await t.step("strings that ONNX Runtime does not take fail their request, and not its batch", async () => {
      const first = infer(http, "text", [text("one")]);
      await pending(server, "text", 1);
      const refused = /400 .*element 0 of BYTES input 'IN' for model 'text' /;
      for (const bad of [text("a\0b"), text(Uint8Array.of(0xff, 0xfe))]) {
        await assert.rejects(infer(http, "text", [bad]), refused);
      }
      const answers = await Promise.all([first, infer(http, "text", [text("zwei")])]);
      assert.deepEqual(answers.map((outputs) => decodeStrings(outputs.get("OUT")!.data)), [["one"], ["zwei"]]);
      assert.deepEqual((await batching(server, "text")).batch_sizes, [{ size: 2, executions: 1 }]);
    });

    await t.step(
      "a request is refused when its timeout is over or the queue is full, and leaves with its client",
      async () => {
        const input = [fp32("IN", [1, 1], [1])];
        await assert.rejects(infer(http, "timeouts", input, { timeout: 1000 }), /503 .*Request timeout expired/);
        const leaving = new AbortController();
        const request = { method: "POST", ...binaryRequest(input), signal: leaving.signal };
        const waiting = fetch(`${http}/v2/models/timeouts/infer`, request);
        await pending(server, "timeouts", 1);
        await assert.rejects(infer(http, "timeouts", input), /503 .*Exceeds maximum queue size/);
        leaving.abort();
        await assert.rejects(waiting);
        await pending(server, "timeouts", 0);
        assert.deepEqual((await batching(server, "timeouts")).batch_sizes, []);
      },
    );
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});
