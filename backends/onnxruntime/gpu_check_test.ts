import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { InferenceRequest } from "../../core/inference.ts";
import { elementCount, type Tensor } from "../../core/tensor.ts";
import { ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import type { WorkerTensor } from "../worker/protocol.ts";
import { generateInputs, inputPlans } from "./check_inputs.ts";
import { type CheckedSession, checkGpu, checkSamples } from "./gpu_check.ts";
import { type GraphDefinition, graphOf, ONNX } from "./graph_fixture.ts";

type Run = (inputs: readonly WorkerTensor[]) => readonly Tensor[];

/** A session that computes with `run`, and remembers what it was given. */
function session(run: Run): CheckedSession & { readonly calls: (readonly WorkerTensor[])[] } {
  const calls: (readonly WorkerTensor[])[] = [];
  return {
    calls,
    run(inputs) {
      calls.push(inputs);
      return Promise.resolve().then(() => run(inputs));
    },
  };
}

const floats = (tensor: Tensor | WorkerTensor) => new Float32Array(tensor.data.slice().buffer);
const twice: Run = ([x]) => [{ ...x, name: "y", data: new Uint8Array(floats(x).map((value) => 2 * value).buffer) }];

const GRAPH: GraphDefinition = { inputs: [{ name: "x", shape: ["n", "length"] }], outputs: [{ name: "y" }] };

function check(gpu: Run, cpu: Run, definition = GRAPH, samples: WorkerTensor[][] = []) {
  return checkGpu(graphOf(definition), ["y"], session(gpu), session(cpu), samples);
}

Deno.test("checkGpu() passes a model that computes alike, and says on what", async () => {
  const { reason, summary } = await check(twice, twice);
  assert.equal(reason, "");
  assert.match(summary, /^WebGPU agrees with the CPU on generated inputs x \[2,8\] \(3 compared, largest difference 0/);
});

Deno.test("checkGpu() names the output, the index, both values and the inputs of a difference", async () => {
  const wrong: Run = (inputs) => {
    const [y] = twice(inputs);
    const values = floats(y);
    values[3] += 1;
    return [{ ...y, data: new Uint8Array(values.buffer) }];
  };
  const { reason } = await check(wrong, twice);
  assert.match(reason, /^WebGPU computes it wrongly: output 'y' at index 3 is .* \(differs by 1, allowed .*x \[2,8\]$/);
});

Deno.test("checkGpu() finds a difference that only a fed-back state shows", async () => {
  // wrong for large values only, which the generated ones are not
  const steep: Run = ([x]) => [{ ...x, name: "y", data: new Uint8Array(floats(x).map((value) => 2.2 * value).buffer) }];
  const clipped: Run = (inputs) => {
    const [y] = steep(inputs);
    return [{ ...y, data: new Uint8Array(floats(y).map((value) => Math.max(-9, Math.min(9, value))).buffer) }];
  };
  assert.match(
    (await check(clipped, steep)).reason,
    /^WebGPU computes it wrongly: output 'y' .* is -?9, the CPU gives/,
  );
});

Deno.test("checkGpu() tries sizes until the CPU accepts them", async () => {
  const picky: Run = (inputs) => {
    const [rows, length] = inputs[0].shape;
    if (rows !== 1 || length < 500) throw new Error("too short");
    return twice(inputs);
  };
  const { reason, summary } = await check(picky, picky);
  assert.equal(reason, "");
  assert.match(summary, /x \[1,512\]/);
});

Deno.test("checkGpu() prefers inputs that leave no output empty", async () => {
  const frames: Run = ([x]) => {
    const count = Math.max(0, Math.floor((x.shape[1] - 100) / 8));
    return [{ name: "y", datatype: "FP32", shape: [count], data: new Uint8Array(4 * count) }];
  };
  const { summary } = await check(frames, frames);
  assert.match(summary, /x \[2,128\]/);
});

Deno.test("checkGpu() does not trust what it cannot check", async () => {
  const never: Run = () => {
    throw new Error("no\nstack");
  };
  const { reason } = await check(twice, never);
  assert.match(reason, /^its answers could not be checked, .* \(no\); give it a model_warmup sample, or trust WebGPU/);
});

Deno.test("checkGpu() takes a failure on the GPU alone for a reason", async () => {
  const fails: Run = () => {
    throw new Error("device lost");
  };
  assert.equal(
    (await check(fails, twice)).reason,
    "WebGPU fails where the CPU runs: device lost, on generated inputs x [2,8]",
  );
});

Deno.test("checkGpu() compares only shapes of models that draw random numbers", async () => {
  const random: Run = ([x]) => [{ ...x, name: "y", data: crypto.getRandomValues(new Uint8Array(x.data.length)) }];
  const nodes = [{ op: "RandomNormalLike", inputs: ["x"], outputs: ["y"] }];
  const { reason, summary } = await check(random, random, { ...GRAPH, nodes });
  assert.equal(reason, "");
  assert.match(summary, /draws random numbers/);
});

Deno.test("checkGpu() uses warmup samples where there are any", async () => {
  const sample: WorkerTensor = { name: "x", datatype: "FP32", shape: [1, 3], data: new Uint8Array(12) };
  const cpu = session(twice);
  const result = await checkGpu(graphOf(GRAPH), ["y"], session(twice), cpu, [[sample]]);
  assert.match(result.summary, /on warmup samples \(1 compared/);
  assert.deepEqual(cpu.calls, [[sample]]);
  const wrong: Run = ([x]) => [{ ...x, name: "y", data: new Uint8Array(Float32Array.of(9, 9, 9).buffer) }];
  assert.match((await check(wrong, twice, GRAPH, [[sample]])).reason, /, on a warmup sample$/);
});

Deno.test("checkSamples() makes one batch of a sample, in the graph's shapes", () => {
  const config = create(ModelConfigSchema, {
    name: "m",
    maxBatchSize: 4,
    input: [{ name: "x", dims: [4n], reshape: { shape: [2n, -1n] } }],
  });
  const graph = graphOf({
    inputs: [{ name: "x", shape: [-1, 2, -1] }, { name: "start", type: ONNX.INT32, shape: [-1, 1] }],
    outputs: [{ name: "y" }],
  });
  const request = new InferenceRequest("m", "");
  request.inputs = [{ name: "x", datatype: "UINT8", shape: [1, 4], data: Uint8Array.of(1, 2, 3, 4) }];
  const start: Tensor = { name: "start", datatype: "INT32", shape: [1, 1], data: Uint8Array.of(1, 0, 0, 0) };
  const sample = { name: "s", count: 1, requests: [request, request], overrides: [start] };
  const [tensors] = checkSamples(config, graph, [sample]);
  assert.deepEqual(tensors.map(({ name, shape }) => [name, shape]), [["x", [2, 2, 2]], ["start", [2, 1]]]);
  assert.deepEqual([...tensors[0].data], [1, 2, 3, 4, 1, 2, 3, 4]);
  assert.deepEqual(checkSamples(config, graph, [{ ...sample, overrides: [] }]), []);
});

Deno.test("inputPlans() gives equal names equal sizes, and lets nameless dimensions follow the batch", () => {
  const named = graphOf({
    inputs: [{ name: "a", shape: ["n", "t", 3] }, { name: "b", shape: [2, "n"] }, { name: "c", shape: [] }],
    outputs: [{ name: "y" }],
  });
  const plans = [...inputPlans(named)];
  assert.deepEqual(plans[0].shapes, [[2, 8, 3], [2, 2], []]);
  for (const { shapes: [a, b] } of plans) assert.equal(a[0], b[1]);
  const stateful = graphOf({
    inputs: [{ name: "x", shape: ["?", "?"] }, { name: "state", shape: [2, "?", 4] }],
    outputs: [{ name: "y" }],
  });
  const shapes = [...inputPlans(stateful)].map((plan) => JSON.stringify(plan.shapes));
  assert.ok(shapes.includes("[[2,512],[2,2,4]]"));
  assert.ok(shapes.includes("[[1,512],[2,1,4]]"));
  const fixed = graphOf({ inputs: [{ name: "x", shape: [1, 3] }], outputs: [{ name: "y" }] });
  assert.deepEqual([...inputPlans(fixed)].map((plan) => plan.integerLimit), [10, 2, 1]);
});

Deno.test("inputPlans() begins with the size that an output of the same rank has, and keeps inputs small", () => {
  const graph = graphOf({
    inputs: [{ name: "image", shape: ["None", 3, "None", "None"] }],
    outputs: [{ name: "out", shape: ["None", 3, 720, 480] }],
  });
  const plans = [...inputPlans(graph)];
  assert.deepEqual(plans[0].shapes, [[1, 3, 720, 480]]);
  assert.ok(plans.length > 10);
  assert.ok(plans.every(({ shapes }) => elementCount(shapes[0]) <= 2 ** 22));
});

Deno.test("checkGpu() reaches branches that depend on an integer which the graph compares with", async () => {
  const graph: GraphDefinition = {
    inputs: [{ name: "x", shape: [4] }, { name: "rate", type: ONNX.INT64, shape: [] }],
    outputs: [{ name: "y" }],
    nodes: [
      { op: "Constant", inputs: [], outputs: ["k"], integers: { value_int: 16000 } },
      { op: "Equal", inputs: ["rate", "k"], outputs: ["wide"] },
    ],
  };
  const branching: Run = (inputs) => {
    const wide = new DataView(inputs[1].data.slice().buffer).getBigInt64(0, true) === 16000n;
    const [y] = twice(inputs);
    return wide ? [{ ...y, data: new Uint8Array(floats(y).map((value) => value + 1).buffer) }] : [y];
  };
  assert.match((await check(branching, twice, graph)).reason, /^WebGPU computes it wrongly: output 'y' at index \d/);
  assert.equal((await check(branching, branching, graph)).reason, "");
});

Deno.test("generateInputs() gives the same values for the same seed, fit for their types", () => {
  const types = [ONNX.FLOAT, ONNX.INT64, ONNX.BOOL, ONNX.STRING, ONNX.FLOAT16];
  const { inputs } = graphOf({
    inputs: types.map((type, i) => ({ name: `x${i}`, type, shape: [100] })),
    outputs: [{ name: "y" }],
  });
  const [plan] = inputPlans({ inputs, outputs: [] });
  const made = generateInputs(inputs, plan, 7);
  assert.deepEqual(made, generateInputs(inputs, plan, 7));
  assert.notDeepEqual(made, generateInputs(inputs, plan, 8));
  assert.ok(made.every(({ shape, datatype, data }) => datatype === "BYTES" || data.length % elementCount(shape) === 0));
  const values = floats(made[0]);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.5 && values.some((value) => value < -1) && values.some((value) => value > 1));
  const integers = new BigInt64Array(made[1].data.slice().buffer);
  assert.ok(integers.every((value) => value >= 0n && value < 10n));
  assert.ok(made[2].data.every((value) => value < 2));
});
