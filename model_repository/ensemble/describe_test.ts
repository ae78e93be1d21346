import assert from "node:assert/strict";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";
import { readConfig } from "../config/mod.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import { identityConfig } from "../testing/repository_fixture.ts";
import { describeEnsemble } from "./describe.ts";

function configOf(text: string): ModelConfig {
  return readConfig("config.pbtxt", text);
}

const PLAIN = configOf(identityConfig());
const DECOUPLED = configOf(identityConfig("model_transaction_policy { decoupled: true }"));

function describe(text: string, ...models: ModelConfig[]) {
  return describeEnsemble(configOf(`name: "E" ${text}`), models);
}

Deno.test("describeEnsemble() says what the scheduler needs of the steps", () => {
  const two = configOf(`max_batch_size: 4
    input [{ name: "A" data_type: TYPE_FP32 dims: [2] }, { name: "B" data_type: TYPE_FP32 dims: [-1] optional: true }]
    output { name: "C" data_type: TYPE_FP32 dims: [-1] }`);
  const text = ensembleConfig(["two A=IN C=mid", "m:3 IN=mid OUT=OUT"], "max_batch_size: 4")
    .replace("ensemble_scheduling {", "ensemble_scheduling { max_inflight_requests: 5");
  assert.deepEqual(describe(text, two, PLAIN), {
    name: "E",
    batching: true,
    decoupled: false,
    inputs: ["IN"],
    outputs: [{ name: "OUT", dims: [-1] }],
    steps: [{
      modelName: "two",
      modelVersion: "",
      batching: true,
      decoupled: false,
      inputs: [{ name: "A", tensor: "IN", dims: [2] }],
      outputs: [{ name: "C", tensor: "mid" }],
    }, {
      modelName: "m",
      modelVersion: "3",
      batching: false,
      decoupled: false,
      inputs: [{ name: "IN", tensor: "mid", dims: [-1] }],
      outputs: [{ name: "OUT", tensor: "OUT" }],
    }],
    maxInflightRequests: 5,
  });
});

Deno.test("describeEnsemble() refuses a required input that nothing is mapped to", () => {
  const two = configOf(identityConfig('input { name: "B" data_type: TYPE_FP32 dims: [-1] }'));
  assert.throws(() => describe(ensembleConfig(["two IN=IN OUT=OUT"]), two), {
    message: "in ensemble E, input B in model two is not mapped to any ensemble tensors",
  });
});

Deno.test("describeEnsemble() takes a row count in a shape for a batch dimension, and a reshape for what steps see", () => {
  const batching = configOf(identityConfig("max_batch_size: 2").replaceAll("dims: -1", "dims: 3"));
  const rows = ensembleConfig(["b IN=IN OUT=OUT"]).replaceAll("dims: -1", "dims: [-1, 3]");
  assert.equal(describe(rows, batching).batching, false);
  const reshaped = ensembleConfig(["b IN=IN OUT=OUT"]).replaceAll("dims: -1", "dims: [1, 3] reshape { shape: 3 }");
  assert.deepEqual(describe(reshaped, batching).outputs, [{ name: "OUT", dims: [3] }]);
  const wrong = ensembleConfig(["b IN=IN OUT=OUT"]).replaceAll("dims: -1", "dims: [-1, 4]");
  assert.throws(() => describe(wrong, batching), {
    message: "in ensemble E, ensemble tensor IN: inconsistent shape: [-1,4] is inferred from model E while [-1,3] is " +
      "inferred from model b",
  });
});

Deno.test("describeEnsemble() makes an ensemble decoupled by its steps", () => {
  assert.equal(describe(ensembleConfig(["m IN=IN OUT=mid", "d IN=mid OUT=OUT"]), PLAIN, DECOUPLED).decoupled, true);
  assert.equal(describe(ensembleConfig(["d IN=IN OUT=mid", "d IN=mid OUT=OUT"]), DECOUPLED, DECOUPLED).decoupled, true);
});

Deno.test("describeEnsemble() refuses a step, and outputs, that two decoupled models feed", () => {
  const two = configOf(identityConfig('input { name: "B" data_type: TYPE_FP32 dims: [-1] }'));
  const step = ensembleConfig(["d IN=IN OUT=p", "d IN=IN OUT=q", "two IN=p,B=q OUT=OUT"]);
  const from = (model: string) =>
    `in ensemble E, step of model '${model}' receives inputs originated from different decoupled models`;
  assert.throws(() => describe(step, DECOUPLED, DECOUPLED, two), { message: from("two") });
  const withInput = ensembleConfig(["d IN=IN OUT=p", "two IN=p,B=IN OUT=OUT"]);
  assert.throws(() => describe(withInput, DECOUPLED, two), { message: from("two") });
  const outputs = ensembleConfig(
    ["d IN=IN OUT=OUT", "m IN=IN OUT=OTHER"],
    'output { name: "OTHER" data_type: TYPE_FP32 dims: [-1] }',
  );
  assert.throws(() => describe(outputs, DECOUPLED, PLAIN), { message: from("E") });
});
