import assert from "node:assert/strict";
import type { LoadedModel, ModelInstance } from "../../backends/backend.ts";
import { type ChainOffer, offerToChains } from "../../backends/onnxruntime/chain.ts";
import { create } from "@bufbuild/protobuf";
import { ModelTensorReshapeSchema } from "../../proto/gen/model_config_pb.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { CachingScheduler } from "../../scheduler/cache/caching_scheduler.ts";
import { LocalCache } from "../../scheduler/cache/local_cache.ts";
import { LimitedInstance } from "../../scheduler/rate_limiter/rate_limiter.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import { normaliseConfig, readConfig } from "../config/mod.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import { identityConfig, MemoryLog } from "../testing/repository_fixture.ts";
import type { ChainCandidate } from "./chain_obstacles.ts";
import { describeEnsemble } from "./describe.ts";
import { findChains } from "./find_chains.ts";

const SCHEDULER: Scheduler = { inFlight: 0, pending: 0, enqueue() {}, stop() {} };
const CACHING = new CachingScheduler({
  modelName: "m",
  modelVersion: "1",
  outputs: 1,
  inner: SCHEDULER,
  cache: new LocalCache(1024),
  epoch: () => "",
  statistics: new ModelStatistics(),
  log: new MemoryLog(),
});

interface Unusual {
  readonly offered?: boolean;
  readonly device?: string;
  readonly instances?: readonly ModelInstance[];
  readonly scheduler?: Scheduler;
}

function instance(passive = false): ModelInstance {
  return { name: "i", group: "g", passive, capacity: 1, available: true, onAvailable() {}, execute() {} };
}

/** A model with the tensors of {@link identityConfig}, with one instance on the GPU. */
function model(more = "", unusual: Unusual = {}): ChainCandidate {
  const { offered = true, device = "GPU (test)", instances = [instance()], scheduler = SCHEDULER } = unusual;
  const loaded: LoadedModel = { instances, device, note: "", unload: () => Promise.resolve() };
  if (offered) offerToChains(loaded, {} as ChainOffer);
  const config = readConfig("config.pbtxt", identityConfig(more));
  normaliseConfig(config);
  return { config, loaded, scheduler };
}

/** An ensemble of steps that run `models` one after the other: the first is of model `m0`, and so on. */
function found(...models: ChainCandidate[]) {
  const names = ["IN", ...models.slice(1).map((_, i) => `t${i}`), "OUT"];
  return foundIn(models.map((_, i) => `m${i} IN=${names[i]} OUT=${names[i + 1]}`), models);
}

function foundIn(steps: readonly string[], models: readonly ChainCandidate[], more = "") {
  const config = readConfig("config.pbtxt", ensembleConfig(steps, more));
  return findChains(describeEnsemble(config, models.map(({ config }) => config)), models);
}

const CPU = model("", { offered: false, device: "CPU (native, 1 × 1 thread)" });

Deno.test("findChains() takes steps on the GPU that follow each other", () => {
  assert.deepEqual(found(model(), model(), model()), { chains: [[0, 1, 2]], gaps: [] });
  assert.deepEqual(found(model(), CPU, model(), model()), { chains: [[2, 3]], gaps: [] });
  assert.deepEqual(found(model(), CPU, model()), { chains: [], gaps: [] });
});

Deno.test("findChains() follows tensors, not the order of the steps, and takes branches along", () => {
  const other = 'output { name: "OTHER" data_type: TYPE_FP32 dims: [-1] }';
  const steps = ["m IN=b OUT=OUT", "m IN=a OUT=b", "m IN=IN OUT=a", "m IN=a OUT=OTHER"];
  assert.deepEqual(foundIn(steps, steps.map(() => model()), other).chains, [[2, 1, 0, 3]]);
});

const BATCHING = "max_batch_size: 4 dynamic_batching {}";
const PADDED = 'parameters { key: "allowed_batch_sizes" value { string_value: "2,4" } }';

Deno.test("findChains() takes models that batch, reshape or pad alike", () => {
  for (
    const more of [
      "max_batch_size: 4",
      BATCHING,
      `${BATCHING} ${PADDED}`,
      "max_batch_size: 4 dynamic_batching { preferred_batch_size: [2] max_queue_delay_microseconds: 100 }",
      'input { name: "SHAPED" data_type: TYPE_FP32 dims: [4] reshape { shape: [2, 2] } optional: true }',
      "response_cache { enable: true }",
    ]
  ) assert.deepEqual(found(model(more), model(more)), { chains: [[0, 1]], gaps: [] }, more);
  assert.deepEqual(found(model(BATCHING), model("max_batch_size: 8 dynamic_batching {}")).chains, [[0, 1]]);
  assert.deepEqual(found(model(`${BATCHING} ${PADDED}`), model(BATCHING)).chains, [[0, 1]]);
  const two = () => model("", { instances: [instance(), instance(), instance(true)] });
  assert.deepEqual(found(two(), two()).chains, [[0, 1]]);
});

Deno.test("findChains() leaves a model alone whose own scheduler promises what a chain cannot keep, and says why", () => {
  const limited = new LimitedInstance(instance(), {} as ConstructorParameters<typeof LimitedInstance>[1]);
  const alone: readonly [ChainCandidate, string][] = [
    [model("", { offered: false, device: "GPU + CPU" }), "some instances of 'm1' do not run on the GPU"],
    [model("", { offered: false, instances: [limited] }), "'m1' has to wait for resources of the rate limiter"],
    [model("", { instances: [instance(true)] }), "all instances of 'm1' are passive"],
    [model("model_transaction_policy { decoupled: true }"), "'m1' is decoupled"],
    [model("max_batch_size: 4 sequence_batching {}"), "'m1' has sequence_batching"],
    [model("", { scheduler: CACHING }), "'m1' has a response cache"],
    [
      model("max_batch_size: 4 dynamic_batching { preserve_ordering: true }"),
      "'m1' preserves the order of its requests",
    ],
    [
      model("max_batch_size: 4 dynamic_batching { priority_levels: 2 default_priority_level: 1 }"),
      "'m1' has priorities or a queue policy",
    ],
    [
      model("max_batch_size: 4 dynamic_batching { default_queue_policy { max_queue_size: 9 } }"),
      "'m1' has priorities or a queue policy",
    ],
    [
      model('batch_input { kind: BATCH_ELEMENT_COUNT target_name: "N" data_type: TYPE_FP32 source_input: "IN" }'),
      "'m1' has batch inputs or outputs",
    ],
  ];
  for (const [candidate, why] of alone) {
    const { chains, gaps } = found(model(), candidate, model());
    assert.deepEqual(chains, [], why);
    assert.deepEqual(gaps, [
      `what 'm0' hands to 'm1' goes by way of the CPU, since ${why}`,
      `what 'm1' hands to 'm2' goes by way of the CPU, since ${why}`,
    ]);
  }
});

Deno.test("findChains() leaves a model with ragged inputs alone", () => {
  const ragged = model(BATCHING);
  ragged.config.input[0].allowRaggedBatch = true;
  assert.match(found(ragged, model(BATCHING)).gaps[0], /since input 'IN' of 'm0' is ragged$/);
});

Deno.test("findChains() joins no models that run differently, and says why", () => {
  const padded = (sizes: string) =>
    `max_batch_size: 4 parameters { key: "allowed_batch_sizes" value { string_value: "${sizes}" } }`;
  const pairs: readonly [ChainCandidate, ChainCandidate, string][] = [
    [model(BATCHING), model("max_batch_size: 4"), "'m0' has dynamic_batching and 'm1' has not"],
    [model("max_batch_size: 4"), model(BATCHING), "'m1' has dynamic_batching and 'm0' has not"],
    [model(), model("", { instances: [instance(), instance()] }), "'m0' has 1 instance and 'm1' has 2"],
    [model(padded("2,4")), model(padded("1,4")), "'m0' and 'm1' do not have the same allowed_batch_sizes"],
    [
      model("max_batch_size: 2"),
      model(padded("2,4")),
      "'m0' and 'm1' do not have the same allowed_batch_sizes",
    ],
    [model("dynamic_batching {}"), model(BATCHING), "only one of 'm0' and 'm1' has a batch dimension"],
    [model(), model("max_batch_size: 4"), "'t0' would have to get or lose a batch dimension"],
  ];
  for (const [one, other, why] of pairs) {
    const { chains, gaps } = found(one, other);
    assert.deepEqual(chains, [], why);
    assert.deepEqual(gaps, [`what 'm0' hands to 'm1' goes by way of the CPU, since ${why}`]);
  }
});

const MORE = 'input { name: "MORE" data_type: TYPE_FP32 dims: [-1] }';

Deno.test("findChains() takes a step that also reads inputs of the ensemble, in the shape of the first step", () => {
  const steps = ["a IN=IN OUT=t", "b IN=t,MORE=MORE OUT=OUT"];
  assert.deepEqual(foundIn(steps, [model(), model(MORE)], MORE), { chains: [[0, 1]], gaps: [] });
  const again = ["a IN=IN OUT=t", "b IN=t,MORE=IN OUT=OUT"];
  assert.deepEqual(foundIn(again, [model(), model(MORE)]).chains, [[0, 1]]);
  const shaped = model();
  shaped.config.input[0].reshape = create(ModelTensorReshapeSchema, { shape: [1n, -1n] });
  assert.match(
    foundIn(again, [shaped, model(MORE)]).gaps[0],
    /since 'a' and 'b' want inputs of the ensemble in different shapes$/,
  );
});

Deno.test("findChains() leaves out what reads a step elsewhere, and what reads a tensor twice", () => {
  const steps = ["a IN=IN OUT=t", "c IN=IN OUT=s", "b IN=t,MORE=s OUT=OUT"];
  assert.deepEqual(foundIn(steps, [model(), CPU, model(MORE)]), {
    chains: [],
    gaps: ["what 'a' hands to 'b' goes by way of the CPU, since 'b' also reads 's', which comes from elsewhere"],
  });
  const twice = foundIn(["a IN=IN OUT=t", "b IN=t,MORE=t OUT=OUT"], [model(), model(MORE)]);
  assert.deepEqual(twice.chains, []);
  assert.match(twice.gaps[0], /since several inputs of 'b' read 't'$/);
});
