import assert from "node:assert/strict";
import { join } from "node:path";
import { DATA_TYPES, type DataType, ELEMENT_SIZE } from "../../../core/data_type.ts";
import { decodeBytes, decodeStrings, encodeBytes } from "../../../core/tensor.ts";
import { type GraphDefinition, onnxModel } from "../graph_fixture.ts";
import type { OrtLoadOptions, OrtRuntime } from "./options.ts";
import { hasAdapter, type RemoteError, RemoteModel, shared, tensor } from "./testing/remote_model.ts";

/** `TensorProto.DataType` of each datatype. */
const ONNX: Readonly<Partial<Record<DataType, number>>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
};
const NUMERIC = DATA_TYPES.filter((datatype): datatype is DataType =>
  datatype !== undefined && datatype !== "BF16" && datatype !== "BYTES"
);
const CPU: readonly OrtRuntime[] = ["native", "wasm"];

/** Writes a model into a folder of its own and loads it. */
async function load(
  runtime: OrtRuntime,
  graph: GraphDefinition,
  options: Partial<OrtLoadOptions> = {},
): Promise<RemoteModel> {
  const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
  const modelPath = join(folder, "model.onnx");
  await Deno.writeFile(modelPath, onnxModel(graph));
  const remote = new RemoteModel();
  try {
    await remote.load({ runtime, modelPath, ...options });
    return remote;
  } catch (error) {
    await remote[Symbol.asyncDispose]();
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One model with an Identity of each datatype, all of shape `[n]`. */
const IDENTITIES: GraphDefinition = {
  inputs: [...NUMERIC, "BYTES" as const].map((type) => ({ name: `IN_${type}`, type: ONNX[type], shape: ["n"] })),
  outputs: [...NUMERIC, "BYTES" as const].map((type) => ({ name: `OUT_${type}`, type: ONNX[type], shape: ["n"] })),
  nodes: [...NUMERIC, "BYTES" as const].map((type) => ({
    op: "Identity",
    inputs: [`IN_${type}`],
    outputs: [`OUT_${type}`],
  })),
};

const SUM: GraphDefinition = {
  inputs: [{ name: "A", type: 1, shape: ["n", 4] }, { name: "B", type: 1, shape: ["n", 4] }],
  outputs: [{ name: "SUM", type: 1, shape: ["n", 4] }],
  nodes: [{ op: "Add", inputs: ["A", "B"], outputs: ["SUM"] }],
};

/** Bytes that are right for every type: 0 and 1, as BOOL wants them, unless `of` says otherwise. */
function bytes(datatype: DataType, count: number): Uint8Array {
  const data = new Uint8Array(count * ELEMENT_SIZE[datatype]);
  for (let i = 0; i < data.length; i++) data[i] = datatype === "BOOL" ? i % 2 : (i * 37 + 1) % 120;
  return data;
}

function floats(rows: number, first: number): Float32Array {
  return Float32Array.from({ length: rows * 4 }, (_, i) => first + i);
}

function values({ data }: { data: Uint8Array }): number[] {
  return [...new Float32Array(data.slice().buffer)];
}

for (const runtime of CPU) {
  Deno.test(`run() carries every datatype unchanged on ${runtime}: aligned, misaligned, shared, empty`, async () => {
    await using remote = await load(runtime, IDENTITIES);
    const names = [...NUMERIC.map((datatype) => `OUT_${datatype}`), "OUT_BYTES"];
    for (const count of [5, 3, 0, 16]) {
      const strings = tensor("IN_BYTES", "BYTES", [count], encodeBytes(Array(count).fill("text")));
      const plain = NUMERIC.map((type) => tensor(`IN_${type}`, type, [count], bytes(type, count)));
      const shifted = NUMERIC.map((type) => tensor(`IN_${type}`, type, [count], bytes(type, count), true));
      for (const inputs of [plain, shifted, plain.map(shared), shifted.map(shared)]) {
        const outputs = await remote.run([...inputs, strings], names);
        assert.deepEqual(outputs.map(({ name }) => name), names);
        outputs.slice(0, -1).forEach(({ datatype, shape, data }, i) => {
          assert.deepEqual([datatype, shape], [NUMERIC[i], [count]]);
          assert.deepEqual(new Uint8Array(data), plain[i].data, `${datatype} × ${count}`);
        });
        assert.deepEqual(decodeStrings(outputs.at(-1)!.data), Array(count).fill("text"));
      }
    }
  });

  Deno.test(`run() carries strings as UTF-8 on ${runtime}`, async () => {
    await using remote = await load(runtime, {
      inputs: [{ name: "IN", type: ONNX.BYTES, shape: ["n"] }],
      outputs: [{ name: "OUT", type: ONNX.BYTES, shape: ["n"] }],
    });
    const words = ["", "plain", "héllo", "漢字かな", "😀", "\ufeffmark", "x".repeat(70_000), "9"];
    for (const input of [words, [...words, "", "end"], [""], []]) {
      const given = tensor("IN", "BYTES", [input.length], encodeBytes(input));
      for (const sent of [given, shared(given)]) {
        const [{ datatype, shape, data }] = await remote.run([sent], ["OUT"]);
        assert.deepEqual([datatype, shape], ["BYTES", [input.length]]);
        assert.deepEqual(decodeBytes(data), decodeBytes(given.data));
      }
    }
  });

  Deno.test(`run() refuses strings with a NUL on ${runtime}, which would be cut off there`, async () => {
    await using remote = await load(runtime, {
      inputs: [{ name: "IN", type: ONNX.BYTES, shape: ["n"] }],
      outputs: [{ name: "OUT", type: ONNX.BYTES, shape: ["n"] }],
    });
    for (const text of ["a\0b", "\0", `${"x".repeat(70_000)}\0`, "漢\0字"]) {
      const run = remote.run([tensor("IN", "BYTES", [2], encodeBytes(["fine", text]))], ["OUT"]);
      await assert.rejects(run, (error: RemoteError) => {
        assert.equal(error.code, "INVALID_ARGUMENT");
        assert.match(error.message, /^element 1 of BYTES input 'IN' for model 'model_under_test' contains a NUL byte/);
        return true;
      });
    }
  });

  Deno.test(`run() refuses strings that are not UTF-8 on ${runtime}, and goes on`, async () => {
    await using remote = await load(runtime, {
      inputs: [{ name: "IN", type: ONNX.BYTES, shape: ["n"] }],
      outputs: [{ name: "OUT", type: ONNX.BYTES, shape: ["n"] }],
    });
    const bad = encodeBytes(["fine", new Uint8Array([0xff, 0xfe])]);
    await assert.rejects(remote.run([tensor("IN", "BYTES", [2], bad)], ["OUT"]), (error: RemoteError) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, /^element 1 of BYTES input 'IN' for model 'model_under_test' is not valid UTF-8/);
      return true;
    });
    const [good] = await remote.run([tensor("IN", "BYTES", [1], encodeBytes(["fine"]))], ["OUT"]);
    assert.deepEqual(decodeStrings(good.data), ["fine"]);
  });

  Deno.test(`run() gives a scalar of the graph the shape that it is served with on ${runtime}`, async () => {
    const graph: GraphDefinition = {
      inputs: [{ name: "IN", type: ONNX.FP32, shape: [] }],
      outputs: [{ name: "OUT", type: ONNX.FP32, shape: [] }],
    };
    const input = (shape: number[]) => tensor("IN", "FP32", shape, new Float32Array([2.5]));
    await using served = await load(runtime, graph, {
      inputs: [{ name: "IN", datatype: "FP32", scalar: true }],
      outputs: [{ name: "OUT", datatype: "FP32", scalar: true }],
    });
    const [one] = await served.run([input([1])], ["OUT"]);
    assert.deepEqual([one.shape, values(one)], [[1], [2.5]]);
    await using plain = await load(runtime, graph);
    const [none] = await plain.run([input([])], ["OUT"]);
    assert.deepEqual([none.shape, values(none)], [[], [2.5]]);
  });
}

/** Runs a test on each runtime that is there. */
function onEveryRuntime(title: string, body: (runtime: OrtRuntime) => Promise<void>): void {
  for (const runtime of [...CPU, "webgpu"] as const) {
    Deno.test(`${title} on ${runtime}`, async () => {
      if (runtime !== "webgpu" || await hasAdapter()) await body(runtime);
    });
  }
}

onEveryRuntime("run() answers right after a request that failed, and after shapes that change", async (runtime) => {
  await using remote = await load(runtime, SUM);
  const add = (rows: number, first: number, mistake = false) =>
    remote.run([
      tensor("A", "FP32", [rows, mistake ? 3 : 4], floats(rows, first).subarray(0, rows * (mistake ? 3 : 4))),
      tensor("B", "FP32", [rows, 4], floats(rows, 1)),
    ], ["SUM"]);
  for (const rows of [1, 3, 1, 0, 2]) {
    const [sum] = await add(rows, 10);
    assert.deepEqual([sum.shape, values(sum)], [[rows, 4], [...floats(rows, 10)].map((value, i) => value + 1 + i)]);
    await assert.rejects(add(1, 20, true), (error: RemoteError) => {
      assert.equal(error.code, "INTERNAL");
      assert.match(error.message, /^onnx runtime error 2: Got invalid dimensions for input: A .*'model_under_test'/);
      return true;
    });
  }
  // what a runtime keeps of one run must not be seen by the next
  const first = await add(2, 100);
  const copy = values(first[0]);
  await add(2, 200);
  assert.deepEqual(values(first[0]), copy);
});

onEveryRuntime("run() says what is wrong without the marks of ONNX Runtime's sources", async (runtime) => {
  await using remote = await load(runtime, SUM);
  const a = tensor("A", "FP32", [2, 4], floats(2, 0));
  const texts: string[] = [];
  for (
    const inputs of [
      [a],
      [a, tensor("B", "FP32", [3, 4], floats(3, 0))],
      [a, tensor("B", "FP32", [8], floats(2, 0))],
      [a, tensor("B", "INT32", [2, 4], new Int32Array(8))],
      [a, tensor("B", "FP32", [2, 4], floats(1, 0))],
    ]
  ) {
    await assert.rejects(remote.run(inputs, ["SUM"]), (error: RemoteError) => {
      assert.deepEqual([error.name, error.code], ["Status", "INTERNAL"]);
      texts.push(error.message);
      return true;
    });
  }
  for (const text of texts) {
    assert.match(text, /^onnx runtime error \d+: \S.* \(model 'model_under_test'\)$/);
    assert.doesNotMatch(text, /\.(cc|h|cpp):\d+|onnxruntime::|ERROR_CODE|\n/);
  }
  assert.match(texts[0], /'?B'?/);
  assert.match(texts[1], /2 by 3|3 by 2|broadcast/i);
});

onEveryRuntime("load() refuses what is no model", async (runtime) => {
  const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
  const modelPath = join(folder, "model.onnx");
  await Deno.writeFile(modelPath, new TextEncoder().encode("not a model at all"));
  await using remote = new RemoteModel();
  await assert.rejects(remote.load({ runtime, modelPath }), (error: RemoteError) => {
    assert.deepEqual([error.name, error.code], ["Status", "INTERNAL"]);
    assert.match(
      error.message,
      /^onnx runtime error 7: .*protobuf.*\(model 'model_under_test', file .*model\.onnx\)$/i,
    );
    return true;
  });
  const missing = join(folder, "absent.onnx");
  await assert.rejects(remote.load({ runtime, modelPath: missing }), (error: RemoteError) => {
    assert.equal(error.name, "Status");
    assert.ok(error.message.includes(missing), error.message);
    return true;
  });
  await Deno.remove(folder, { recursive: true });
});

onEveryRuntime("load() takes a folder with a model.onnx, and says where the model runs", async (runtime) => {
  const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
  await Deno.writeFile(join(folder, "model.onnx"), onnxModel(SUM));
  await using remote = new RemoteModel();
  const info = await remote.load({ runtime, modelPath: folder });
  assert.deepEqual({ ...info, device: "" }, { runtime, device: "", placement: "" });
  assert.equal(info.device !== "", runtime === "webgpu");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("run() on webgpu carries the datatypes that GPU models have", async () => {
  if (!await hasAdapter()) return;
  await using remote = await load("webgpu", {
    inputs: [{ name: "F", type: ONNX.FP32, shape: ["n"] }, { name: "I", type: ONNX.INT32, shape: ["n"] }],
    outputs: [
      { name: "NEGATIVE", type: ONNX.FP32, shape: ["n"] },
      { name: "HALF", type: ONNX.FP16, shape: ["n"] },
      { name: "LESS", type: ONNX.BOOL, shape: ["n"] },
      { name: "WIDE", type: ONNX.INT64, shape: ["n"] },
    ],
    nodes: [
      { op: "Neg", inputs: ["F"], outputs: ["NEGATIVE"] },
      { op: "Less", inputs: ["F", "NEGATIVE"], outputs: ["LESS"] },
      { op: "Cast", inputs: ["F"], outputs: ["HALF"], integers: { to: ONNX.FP16! } },
      { op: "Cast", inputs: ["I"], outputs: ["WIDE"], integers: { to: ONNX.INT64! } },
    ],
  });
  for (const count of [1, 3, 6]) {
    const given = Float32Array.from({ length: count }, (_, i) => i % 2 ? i : -i - 0.5);
    const outputs = await remote.run([
      tensor("F", "FP32", [count], given, true),
      shared(tensor("I", "INT32", [count], Int32Array.from({ length: count }, (_, i) => i - 2))),
    ], ["NEGATIVE", "HALF", "LESS", "WIDE"]);
    assert.deepEqual(outputs.map(({ datatype }) => datatype), ["FP32", "FP16", "BOOL", "INT64"]);
    const [negative, half, less, wide] = outputs.map(({ data }) => data.slice().buffer);
    assert.deepEqual([...new Float32Array(negative)], [...given].map((value) => -value));
    assert.deepEqual([...new Float16Array(half)], [...given]);
    assert.deepEqual([...new Uint8Array(less)], [...given].map((value) => Number(value < -value)));
    assert.deepEqual([...new BigInt64Array(wide)], Array.from({ length: count }, (_, i) => BigInt(i - 2)));
  }
});

Deno.test("load() on webgpu names the operators when none of them runs on the GPU or one runs nowhere", async () => {
  if (!await hasAdapter()) return;
  const graph = (op: string, type: number): GraphDefinition => ({
    inputs: [{ name: "IN", type, shape: ["n", "n"] }],
    outputs: [{ name: "OUT", type, shape: ["n", "n"] }],
    nodes: [{ op, inputs: ["IN"], outputs: ["OUT"] }],
  });
  for (const [op, type] of [["Sin", ONNX.FP64!], ["EyeLike", ONNX.FP32!]] as const) {
    await assert.rejects(load("webgpu", graph(op, type)), (error: RemoteError) => {
      assert.deepEqual([error.name, error.message], ["KernelsMissingError", `kernels missing: ${op}`]);
      return true;
    });
  }
});

onEveryRuntime("load() says that a runtime does not start when its files are not there", async (runtime) => {
  const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
  await using remote = new RemoteModel();
  await assert.rejects(
    remote.load({ runtime, modelPath: join(folder, "model.onnx"), assetDirectory: join(folder, "nothing") }),
    (error: RemoteError) => {
      assert.equal(error.name, "RuntimeUnavailableError");
      assert.match(error.message, new RegExp(`^the ${runtime} build of ONNX Runtime does not start: `));
      return true;
    },
  );
  await Deno.remove(folder, { recursive: true });
});
