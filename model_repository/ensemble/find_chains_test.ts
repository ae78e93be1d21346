import assert from "node:assert/strict";
import type { LoadedModel } from "../../backends/backend.ts";
import { offerToChains } from "../../backends/onnxruntime/chain.ts";
import type { OrtLoadOptions } from "../../backends/onnxruntime/runtime/options.ts";
import { readConfig } from "../config/mod.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import { identityConfig } from "../testing/repository_fixture.ts";
import { describeEnsemble } from "./describe.ts";
import { type ChainCandidate, findChains } from "./find_chains.ts";

const TENSORS = { inputs: [{ name: "IN", datatype: "FP32" }], outputs: [{ name: "OUT", datatype: "FP32" }] } as const;

/** A model with the tensors of {@link identityConfig}, on the GPU unless `tensors` is undefined. */
function model(more = "", tensors: Pick<OrtLoadOptions, "inputs" | "outputs"> | undefined = TENSORS): ChainCandidate {
  const loaded: LoadedModel = { instances: [], device: "", note: "", unload: () => Promise.resolve() };
  if (tensors) offerToChains(loaded, tensors as OrtLoadOptions);
  return { config: readConfig("config.pbtxt", identityConfig(more)), loaded };
}

/** The chains of steps that run `models` one after the other. */
function chainsOf(...models: ChainCandidate[]): number[][] {
  const names = ["IN", ...models.slice(1).map((_, i) => `t${i}`), "OUT"];
  return chainsIn(models.map((_, i) => `m IN=${names[i]} OUT=${names[i + 1]}`), models);
}

function chainsIn(steps: readonly string[], models: readonly ChainCandidate[], more = ""): number[][] {
  const config = readConfig("config.pbtxt", ensembleConfig(steps, more));
  return findChains(describeEnsemble(config, models.map(({ config }) => config)), models);
}

const CPU = { ...model(), loaded: { instances: [], device: "", note: "", unload: () => Promise.resolve() } };

Deno.test("findChains() takes steps on the GPU that follow each other", () => {
  assert.deepEqual(chainsOf(model(), model(), model()), [[0, 1, 2]]);
  assert.deepEqual(chainsOf(model(), CPU, model(), model()), [[2, 3]]);
  assert.deepEqual(chainsOf(model(), CPU, model()), []);
});

Deno.test("findChains() follows tensors, not the order of the steps, and takes branches along", () => {
  const other = 'output { name: "OTHER" data_type: TYPE_FP32 dims: [-1] }';
  const steps = ["m IN=b OUT=OUT", "m IN=a OUT=b", "m IN=IN OUT=a", "m IN=a OUT=OTHER"];
  assert.deepEqual(chainsIn(steps, steps.map(() => model()), other), [[2, 1, 0, 3]]);
});

Deno.test("findChains() leaves models alone that batch, cache, reshape, stream or have scalars", () => {
  const scalars = { ...TENSORS, inputs: [{ name: "IN", datatype: "FP32", scalar: true }] } as const;
  for (
    const alone of [
      model("max_batch_size: 4 dynamic_batching {}"),
      model("max_batch_size: 4 sequence_batching {}"),
      model("response_cache { enable: true }"),
      model("model_transaction_policy { decoupled: true }"),
      model('output { name: "SHAPED" data_type: TYPE_FP32 dims: [4] reshape { shape: [2, 2] } }'),
      model("", scalars),
    ]
  ) assert.deepEqual(chainsOf(model(), alone, model()), []);
});

Deno.test("findChains() ends where a batch dimension would have to be put before a shape or taken away", () => {
  assert.deepEqual(chainsOf(model("max_batch_size: 4"), model("max_batch_size: 4")), [[0, 1]]);
  assert.deepEqual(chainsOf(model(), model("max_batch_size: 4")), []);
});
