import assert from "node:assert/strict";
import { probeGpu } from "../../backends/gpu.ts";
import { type GraphDefinition, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { onnxruntimeBackend } from "../../backends/onnxruntime/mod.ts";
import { needing, WEBGPU_ABSENT } from "../../tests/support/needing.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import { identityConfig, inferOnce, repositoryOf, vector, withFiles } from "../testing/repository_fixture.ts";

const absent = await probeGpu() ? undefined : WEBGPU_ABSENT;

/** Adds a constant to a vector of any length. */
function adding(...constant: number[]): GraphDefinition {
  return {
    inputs: [{ name: "IN", shape: ["n"] }],
    outputs: [{ name: "OUT", shape: ["n"] }],
    constants: [{ name: "c", dims: [constant.length], values: Float32Array.from(constant) }],
    nodes: [{ op: "Add", inputs: ["IN", "c"], outputs: ["OUT"] }],
  };
}

const GPU = identityConfig("instance_group [ { kind: KIND_GPU } ]").replace("identity", "onnxruntime");

Deno.test({
  ...needing("a chain on the GPU answers as its steps do, errors included, before and after a run that fails", absent),
  async fn() {
    const files = {
      "one/config.pbtxt": GPU,
      "one/1/model.onnx": onnxModel(adding(1)),
      "four/config.pbtxt": GPU,
      "four/1/model.onnx": onnxModel(adding(10, 20, 30, 40)),
      "e/config.pbtxt": ensembleConfig(["one IN=IN OUT=mid", "four IN=mid OUT=OUT"]),
      "e/1/": "",
    };
    await withFiles(files, async (root) => {
      const { repository, log } = repositoryOf(root, {
        backend: onnxruntimeBackend,
        adapterAvailable: () => Promise.resolve(true),
      });
      await repository.start();
      assert.deepEqual(repository.failures(), []);
      assert.ok(log.lines.includes("I e: what one, four hand to each other stays on the GPU"), log.lines.join("\n"));
      const [e, four] = [repository.find("e", ""), repository.find("four", "")];
      const answer = async () => {
        const { outputs } = await inferOnce(e, vector(1, 2, 3, 4));
        return [...new Float32Array(outputs[0].data.slice().buffer)];
      };
      assert.deepEqual(await answer(), [12, 23, 34, 45]);
      const text = await inferOnce(four, vector(1, 2, 3)).then(() => "", ({ message }) => message);
      assert.match(text, /broadcast/);
      await assert.rejects(inferOnce(e, vector(1, 2, 3)), { message: `in ensemble 'e', ${text}` });
      assert.deepEqual(await answer(), [12, 23, 34, 45]);
      assert.deepEqual([four.statistics.success.count, four.statistics.fail.count], [2, 2]);
      assert.deepEqual([e.statistics.success.count, e.statistics.fail.count], [2, 1]);
      assert.equal(await repository.close(20_000), true);
    });
    // A worker's end takes the graphics driver's threads with it; a process that ends meanwhile may crash.
    await new Promise((resolve) => setTimeout(resolve, 150));
  },
});
