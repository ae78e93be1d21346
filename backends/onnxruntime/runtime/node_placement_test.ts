import assert from "node:assert/strict";
import { describePlacement, readPlacement } from "./node_placement.ts";

const PREFIX = "2026-01-01 00:00:00.1 [V:onnxruntime:, session_state.cc:1383 VerifyEachNodeIsAssignedToAnEp] ";

Deno.test("readPlacement() counts operators over subgraphs and names those on the CPU, without copies", () => {
  const placement = readPlacement([
    `${PREFIX} Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 3`,
    `${PREFIX}  If (If_0)`,
    `${PREFIX}  Slice (Slice_1)`,
    `${PREFIX} Node(s) placed on [CPUExecutionProvider]. Number of nodes: 3`,
    `${PREFIX}  Shape (a/Shape (1))`,
    `${PREFIX}  Equal (b)`,
    `${PREFIX}  MemcpyToHost (Memcpy)`,
    `${PREFIX} All nodes placed on [WebGpuExecutionProvider]. Number of nodes: 5`,
  ]);
  assert.deepEqual(placement, { gpu: 8, cpu: 3, cpuOperators: ["Equal", "Shape"] });
  assert.equal(describePlacement(placement), "8 of 11 operators on the GPU, 3 on the CPU (Equal, Shape)");
});

Deno.test("readPlacement() names operators without a GPU kernel where the log does not list nodes", () => {
  const placement = readPlacement([
    "[I:onnxruntime:, webgpu_execution_provider.cc:665 GetCapability] webgpu kernel not found in registries for Op " +
    "type: EyeLike node name: E",
    `${PREFIX} All nodes placed on [CPUExecutionProvider]. Number of nodes: 1`,
  ]);
  assert.deepEqual(placement, { gpu: 0, cpu: 1, cpuOperators: ["EyeLike"] });
});

Deno.test("describePlacement() is empty when all runs on the GPU", () => {
  assert.equal(describePlacement({ gpu: 4, cpu: 0, cpuOperators: [] }), "");
  assert.equal(describePlacement(readPlacement([])), "");
});
