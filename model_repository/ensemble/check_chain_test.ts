import assert from "node:assert/strict";
import type { Execution } from "../../backends/backend.ts";
import { type ChainOffer, offerToChains } from "../../backends/onnxruntime/chain.ts";
import { graphOf } from "../../backends/onnxruntime/graph_fixture.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Demands } from "../../scheduler/ensemble/demand.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import { identityConfig, repositoryOf, vector, withFiles } from "../testing/repository_fixture.ts";
import type { ServedModel } from "../served_model.ts";
import { chainInputs } from "./chain_inputs.ts";
import type { ChainWorker } from "./chain_instance.ts";
import { ChainRequests } from "./chain_request.ts";
import { checkChain } from "./check_chain.ts";
import { describeEnsemble } from "./describe.ts";
import type { GpuChain } from "./gpu_chain.ts";

const GRAPH = graphOf({ inputs: [{ name: "IN", shape: ["n"] }], outputs: [{ name: "OUT", shape: ["n"] }] });

/** Gives its input back through `change`, and remembers it. */
class FakeWorker {
  readonly asked: (readonly Tensor[])[] = [];
  constructor(private readonly change: (input: Tensor) => Tensor) {}
  execute(execution: Execution): void {
    const [request] = execution.requests;
    this.asked.push(request.inputs);
    try {
      const outputs = [{ ...this.change(request.inputs[0]), name: "OUT" }];
      execution.respond(0, { modelName: "e", modelVersion: "1", id: "", outputs });
      execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
    } catch (thrown) {
      execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 }, Status.from(thrown));
    }
  }
}

interface Setting {
  /** Reason of {@link checkChain}, on inputs to try. */
  check(...candidates: Tensor[][]): Promise<string>;
  /** What {@link chainInputs} gives, as long as `until` is false. */
  inputs(until: (inputs: Tensor[]) => boolean): Promise<Tensor[][]>;
  readonly models: readonly ServedModel[];
  readonly worked: () => boolean;
}

interface Unusual {
  readonly gpuCheck?: boolean;
  /** Of the first model's configuration. */
  readonly first?: string;
  readonly ensemble?: (config: string) => string;
}

/** A chain of two models that give their input back, whose workers are `workers`. */
async function withChain(
  workers: readonly FakeWorker[],
  test: (setting: Setting) => Promise<void>,
  { gpuCheck = true, first = "", ensemble = (config) => config }: Unusual = {},
): Promise<void> {
  const files = {
    "a/config.pbtxt": identityConfig(first),
    "a/1/": "",
    "b/config.pbtxt": identityConfig(first.includes("max_batch_size") ? "max_batch_size: 4" : ""),
    "b/1/": "",
    "e/config.pbtxt": ensemble(ensembleConfig(["a IN=IN OUT=mid", "b IN=mid OUT=OUT"])),
    "e/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    const models = ["a", "b"].map((name) => repository.find(name, "") as ServedModel);
    for (const { name, loaded } of models) {
      offerToChains(loaded, { graph: GRAPH, directory: `${root}/${name}`, gpuCheck } as ChainOffer);
    }
    const { config } = repository.find("e", "");
    const part = describeEnsemble(config, models.map((model) => model.config));
    let worked = false;
    const chain = {
      part,
      demands: new Demands(part),
      models,
      sizes: { maxBatchSize: models[0].config.maxBatchSize, allowedSizes: [] },
      instances: workers.map((worker) => ({ worker: worker as unknown as ChainWorker })),
      requests: new ChainRequests(part, models[0], models[0].config.maxBatchSize, false),
      worked: () => worked = true,
    } as unknown as GpuChain;
    await test({
      check: (...candidates) =>
        checkChain(
          chain,
          async function* () {
            yield* candidates;
          }(),
        ),
      async inputs(until) {
        const all: Tensor[][] = [];
        for await (const inputs of chainInputs(chain, { config, description: part, models })) {
          all.push(inputs);
          if (until(inputs)) break;
        }
        return all;
      },
      models,
      worked: () => worked,
    });
    await repository.close(1000);
  });
}

const same = (input: Tensor) => input;
const plusOne = (input: Tensor) => ({ ...input, data: vector(...floats(input).map((value) => value + 1)).data });
const floats = ({ data }: Tensor) => [...new Float32Array(data.slice().buffer)];

Deno.test("checkChain() asks every worker what the steps took, and counts none of it", async () => {
  const workers = [new FakeWorker(same), new FakeWorker(same)];
  await withChain(workers, async ({ check, models, worked }) => {
    const wrong = { ...vector(1), datatype: "INT32" as const };
    assert.equal(await check([wrong], [vector(2, 3)], [vector(4)]), "");
    for (const { asked } of workers) assert.deepEqual(asked, [[vector(2, 3)]]);
    assert.equal(worked(), true);
    for (const { statistics } of models) {
      assert.deepEqual([statistics.success.count, statistics.fail.count, statistics.executionCount], [0, 0, 0]);
    }
  });
});

Deno.test("checkChain() says where a worker computes something else than the steps, or fails", async () => {
  await withChain([new FakeWorker(same), new FakeWorker(plusOne)], async ({ check }) => {
    assert.match(
      await check([vector(2, 3)]),
      /^it computes something else: output 'OUT' at index \d is \d, its steps give \d \(differs by 1, allowed /,
    );
  });
  const failing = new FakeWorker(() => {
    throw new Status("INTERNAL", "no memory\nat all");
  });
  await withChain([failing], async ({ check, worked }) => {
    assert.equal(await check([vector(1)]), "it fails where its steps run: no memory");
    assert.equal(worked(), false);
  });
});

Deno.test("checkChain() refuses a chain whose steps take nothing of what it tries", async () => {
  await withChain([new FakeWorker(same)], async ({ check }) => {
    const reason = await check([{ ...vector(1), datatype: "INT32" }]);
    assert.match(reason, /^it could not be compared .*data-type is 'INT32'.*give 'a' a model_warmup sample/);
  });
});

Deno.test("checkChain() only warms a chain up with gpu-check=off", async () => {
  const worker = new FakeWorker(plusOne);
  await withChain([worker], async ({ check, worked }) => {
    assert.equal(await check([vector(1)]), "");
    assert.deepEqual([worker.asked.length, worked()], [1, false]);
    assert.equal(await check(), "");
  }, { gpuCheck: false });
});

Deno.test("chainInputs() fills the shapes that the ensemble fixes, by the names of its tensors", async () => {
  const ensemble = (config: string) => config.replace("dims: -1", "dims: 5");
  await withChain([], async ({ inputs }) => {
    const [[{ name, datatype, shape, data }]] = await inputs(() => true);
    assert.deepEqual([name, datatype, shape, data.length], ["IN", "FP32", [5], 20]);
  }, { ensemble });
});

Deno.test("chainInputs() begins with warmup samples, and generates no more rows than the chain takes", async () => {
  const first = `max_batch_size: 1 model_warmup { name: "w" batch_size: 1 inputs {
    key: "IN" value { data_type: TYPE_FP32 dims: 3 zero_data: true } } }`;
  await withChain([], async ({ inputs }) => {
    const [sample, ...generated] = await inputs(() => false);
    assert.deepEqual(sample, [{ ...vector(0, 0, 0), shape: [1, 3] }]);
    assert.ok(generated.length > 3);
    assert.deepEqual([...new Set(generated.map(([{ shape }]) => shape[0]))], [1]);
  }, { first });
});
