import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema, ModelInstanceGroup_Kind as Kind } from "../../proto/gen/model_config_pb.ts";
import { graphOf, ONNX } from "./graph_fixture.ts";
import { deviceText, planInstances, threadsPerInstance, webGpuObstacle } from "./placement.ts";

Deno.test("planInstances() names the instances of every group in order", () => {
  const config = create(ModelConfigSchema, {
    name: "m",
    instanceGroup: [
      { name: "fast", kind: Kind.GPU, count: 1, gpus: [0] },
      { name: "slow", kind: Kind.CPU, count: 2, passive: true },
      { name: "model", kind: Kind.MODEL, count: 1 },
    ],
  });
  const warnings: string[] = [];
  assert.deepEqual(planInstances(config, (message) => warnings.push(message)), [
    { name: "fast_0", group: "fast", passive: false, gpu: true },
    { name: "slow_0", group: "slow", passive: true, gpu: false },
    { name: "slow_1", group: "slow", passive: true, gpu: false },
    { name: "model_0", group: "model", passive: false, gpu: false },
  ]);
  assert.deepEqual(warnings, []);
});

Deno.test("planInstances() warns of GPUs that WebGPU does not tell apart", () => {
  const config = create(ModelConfigSchema, {
    name: "m",
    instanceGroup: [{ name: "g", kind: Kind.GPU, count: 1, gpus: [0, 1, 2] }],
  });
  const warnings: string[] = [];
  assert.equal(planInstances(config, (message) => warnings.push(message)).length, 1);
  assert.match(warnings[0], /^instance group 'g' of model 'm' asks for GPU 1, 2/);
});

Deno.test("webGpuObstacle() names the tensor whose type has no kernels", () => {
  const graph = (type: number) =>
    graphOf({ inputs: [{ name: "x", shape: [1] }], outputs: [{ name: "y", type, shape: [1] }] });
  assert.equal(webGpuObstacle(graph(ONNX.DOUBLE)), "WebGPU has no kernels for FP64, the type of output 'y'");
  assert.equal(webGpuObstacle(graph(ONNX.STRING)), "WebGPU has no kernels for BYTES, the type of output 'y'");
  for (const type of [ONNX.FLOAT, ONNX.FLOAT16, ONNX.INT32, ONNX.INT64, ONNX.BOOL]) {
    assert.equal(webGpuObstacle(graph(type)), "");
  }
});

Deno.test("threadsPerInstance() fills the cores and no more", () => {
  assert.deepEqual([1, 2, 3, 8, 9].map((instances) => threadsPerInstance(0, instances, 8)), [8, 4, 2, 1, 1]);
  assert.equal(threadsPerInstance(3, 8, 8), 3);
});

Deno.test("deviceText() tells runtimes, instances and threads", () => {
  const gpu = { runtime: "webgpu", device: "NVIDIA H100", threads: 1 };
  const native = { runtime: "native", device: "", threads: 1 };
  assert.equal(deviceText([gpu]), "GPU (NVIDIA H100)");
  assert.equal(deviceText([native, native]), "CPU (native, 2 × 1 thread)");
  assert.equal(
    deviceText([gpu, gpu, { ...native, runtime: "wasm", threads: 4 }]),
    "GPU (NVIDIA H100, 2 instances) + CPU (wasm, 1 × 4 threads)",
  );
});
