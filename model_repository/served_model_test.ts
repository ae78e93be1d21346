import assert from "node:assert/strict";
import type { Tensor } from "../core/tensor.ts";
import { inferOnce, repositoryOf, withFiles } from "./testing/repository_fixture.ts";

const reshaping = `backend: "identity" max_batch_size: 4
  input { name: "IN" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 2 ] } }
  output { name: "OUT" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 2 ] } label_filename: "labels.txt" }
  model_transaction_policy { decoupled: true }`;

Deno.test("ServedModel shows metadata and labels, and takes a reshape back on the way out", async () => {
  await withFiles({ "m/config.pbtxt": reshaping, "m/labels.txt": "cat\ndog", "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const model = repository.find("m", "");
    assert.deepEqual(model.inputs, [{ name: "IN", datatype: "FP32", shape: [-1, 4] }]);
    assert.deepEqual(model.outputs, [{ name: "OUT", datatype: "FP32", shape: [-1, 4] }]);
    assert.equal(model.decoupled, true);
    assert.deepEqual(model.labels("OUT"), ["cat", "dog"]);
    assert.deepEqual(model.labels("IN"), []);
    const input: Tensor = { name: "IN", datatype: "FP32", shape: [2, 4], data: new Uint8Array(32) };
    const { outputs } = await inferOnce(model, input);
    assert.deepEqual(outputs, [{ ...input, name: "OUT" }]);
    assert.equal(model.statistics.inferenceCount, 2);
    await repository.close(1000);
  });
});
