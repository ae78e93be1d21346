import assert from "node:assert/strict";
import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import { InferenceRequest, TimeSpent } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import type { ServedModel } from "../served_model.ts";
import { identityConfig, repositoryOf, vector, withFiles } from "../testing/repository_fixture.ts";
import { ChainRequests, inputsOf } from "./chain_request.ts";

function step(modelName: string, reads: Record<string, string>, writes: string): StepDescription {
  const inputs = Object.entries(reads).map(([name, tensor]) => ({ name, tensor, dims: [-1] }));
  const outputs = [{ name: "OUT", tensor: writes }];
  return { modelName, modelVersion: "", batching: true, decoupled: false, inputs, outputs };
}

const STEPS = [step("a", { IN: "x" }, "t"), step("b", { IN: "t", MORE: "w", AGAIN: "x" }, "y")];
const PART: EnsembleDescription = {
  name: "e",
  batching: true,
  decoupled: false,
  inputs: ["x", "w"],
  outputs: [{ name: "y", dims: [] }],
  steps: STEPS,
  maxInflightRequests: 0,
};

async function withRequests(
  config: string,
  test: (requests: (maxBatchSize: number, batching: boolean) => ChainRequests) => void,
): Promise<void> {
  await withFiles({ "a/config.pbtxt": identityConfig(config), "a/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const model = repository.find("a", "") as ServedModel;
    test((maxBatchSize, batching) => new ChainRequests(PART, model, maxBatchSize, batching));
    await repository.close(1000);
  });
}

function named(name: string, rows: number): Tensor {
  return { ...vector(...Array(2 * rows).fill(1)), name, shape: [rows, 2] };
}

function request(...inputs: Tensor[]): InferenceRequest {
  const request = new InferenceRequest("chain_0/", "");
  request.inputs = inputs;
  request.outputs = ["y"];
  return request;
}

Deno.test("inputsOf() are the tensors that no step writes, those of the first step first", () => {
  assert.deepEqual(inputsOf(STEPS).map(({ tensor }) => tensor), ["x", "w"]);
});

Deno.test("ChainRequests.from() keeps the names of the ensemble, and asks for the times of the links", async () => {
  await withRequests("max_batch_size: 4", (requests) => {
    const original = request(named("w", 3), named("x", 3));
    original.id = "r";
    original.spent = new TimeSpent();
    original.signal = new AbortController().signal;
    const { id, modelName, inputs, outputs, batchSize, spent, signal } = requests(4, true).from(original)!;
    assert.deepEqual([id, modelName, batchSize], ["r", "a", 3]);
    assert.deepEqual(inputs, [named("x", 3), named("w", 3)]);
    assert.deepEqual(outputs, ["y", LINK_TIMES]);
    assert.deepEqual([spent, signal], [original.spent, original.signal]);
  });
});

Deno.test("ChainRequests.from() takes no more rows than the chain, no different ones, and no input less", async () => {
  await withRequests("max_batch_size: 4", (requests) => {
    assert.equal(requests(2, true).from(request(named("x", 3), named("w", 3))), undefined);
    assert.equal(requests(4, true).from(request(named("x", 3), named("w", 2))), undefined);
    assert.ok(requests(4, false).from(request(named("x", 3), named("w", 2))));
    assert.equal(requests(4, true).from(request(named("x", 3))), undefined);
  });
});

Deno.test("ChainRequests.from() refuses what the first model refuses, and gives the shape that it takes", async () => {
  await withRequests("max_batch_size: 4", (requests) => {
    const wrong = request({ ...named("x", 1), datatype: "INT32" }, named("w", 1));
    assert.throws(() => requests(4, true).from(wrong), /inference input 'IN' data-type is 'INT32'/);
  });
  const files = identityConfig("max_batch_size: 4").replace("dims: -1", "dims: [2] reshape { shape: [1, 2] }");
  await withFiles({ "a/config.pbtxt": files, "a/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const requests = new ChainRequests(PART, repository.find("a", "") as ServedModel, 4, true);
    const shapes = requests.from(request(named("x", 3), named("w", 3)))!.inputs.map(({ shape }) => shape);
    assert.deepEqual(shapes, [[3, 1, 2], [3, 2]]);
    await repository.close(1000);
  });
});
