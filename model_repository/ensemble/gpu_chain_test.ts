import assert from "node:assert/strict";
import { probeGpu } from "../../backends/gpu.ts";
import { type GraphDefinition, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { onnxruntimeBackend } from "../../backends/onnxruntime/mod.ts";
import { systemClock } from "../../core/clock.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import type { Tensor } from "../../core/tensor.ts";
import { needing, WEBGPU_ABSENT } from "../../tests/support/needing.ts";
import type { ModelRepository, RepositoryOptions } from "../repository.ts";
import type { ServedModel } from "../served_model.ts";
import { onRequest } from "../source.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import {
  type Files,
  identityConfig,
  inferOnce,
  MemoryLog,
  repositoryOf,
  vector,
  withFiles,
  writeFiles,
} from "../testing/repository_fixture.ts";
import { ChainedSteps } from "./chained_steps.ts";
import { describeEnsemble } from "./describe.ts";
import { GpuChain } from "./gpu_chain.ts";

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

/** The same for the rows of a batch: a model that is completed with a batch of 4 and dynamic batching. */
function addingToRows(...constant: number[]): GraphDefinition {
  const shape = ["rows", "n"];
  return { ...adding(...constant), inputs: [{ name: "IN", shape }], outputs: [{ name: "OUT", shape }] };
}

const GPU = identityConfig("instance_group [ { kind: KIND_GPU } ]").replace("identity", "onnxruntime");
/** A configuration that says nothing of its tensors. */
const COMPLETED = 'backend: "onnxruntime" instance_group [ { kind: KIND_GPU } ]';

/** Files of an ensemble `e` of two models that come one after the other. */
function pipeline(config: string, one: GraphDefinition, four: GraphDefinition, more = ""): Files {
  return {
    "one/config.pbtxt": config,
    "one/1/model.onnx": onnxModel(one),
    "four/config.pbtxt": config,
    "four/1/model.onnx": onnxModel(four),
    "e/config.pbtxt": ensembleConfig(["one IN=IN OUT=mid", "four IN=mid OUT=OUT"], more),
    "e/1/": "",
  };
}

const BATCHED = pipeline(COMPLETED, addingToRows(1), addingToRows(10, 20, 30, 40), "max_batch_size: 4");
const STAYS = "I e: what one, four hand to each other stays on the GPU";

async function withRepository(
  files: Files,
  test: (repository: ModelRepository, log: MemoryLog, root: string) => Promise<void>,
  options: Partial<RepositoryOptions> = {},
): Promise<void> {
  await withFiles(files, async (root) => {
    const { repository, log } = repositoryOf(root, {
      backend: onnxruntimeBackend,
      adapterAvailable: () => Promise.resolve(true),
      ...options,
    });
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    await test(repository, log, root);
    assert.equal(await repository.close(20_000), true);
  });
  // A worker's end takes the graphics driver's threads with it; a process that ends meanwhile may crash.
  await new Promise((resolve) => setTimeout(resolve, 150));
}

/** One row of a batch. */
const row = (...values: number[]): Tensor => ({ ...vector(...values), shape: [1, values.length] });
const floats = ({ data }: Tensor) => [...new Float32Array(data.slice().buffer)];

/** By the chain whose worker logs it. */
function bytesRead({ lines }: MemoryLog): number {
  return lines.reduce((sum, line) => sum + Number(line.match(/ of (\d+) bytes/)?.[1] ?? 0), 0);
}

/** The chain of {@link BATCHED}, or one like it, whose workers log what they read back. */
async function countingChain(repository: ModelRepository, models: readonly ServedModel[]) {
  const log = new MemoryLog();
  const { config } = repository.find("e", "");
  const chain = await GpuChain.start({
    ensemble: describeEnsemble(config, models.map((model) => model.config)),
    modelVersion: "1",
    name: "chain",
    steps: [0, 1],
    models,
    log,
    clock: systemClock,
    module: new URL("../../backends/onnxruntime/runtime/testing/counting_chain_worker.ts", import.meta.url),
  });
  return { chain, log };
}

/** Asks a chain for four equal values of a row, and gives back the first of the answer. */
async function askChain(chain: GpuChain, value: number): Promise<number> {
  const request = new InferenceRequest("chain/", "");
  request.inputs = [row(value, value, value, value)];
  request.outputs = ["OUT"];
  const sink = new UnaryResponse();
  new ChainedSteps(chain, chain.models).inferHeld(request, sink);
  return floats((await sink.promise).outputs[0])[0];
}

Deno.test({
  ...needing("a chain on the GPU answers as its steps do, errors included, before and after a run that fails", absent),
  async fn() {
    await withRepository(pipeline(GPU, adding(1), adding(10, 20, 30, 40)), async (repository, log) => {
      assert.ok(log.lines.includes(STAYS), log.lines.join("\n"));
      const [e, four] = [repository.find("e", ""), repository.find("four", "")];
      // what proved the chain at load is not counted
      assert.deepEqual([four.statistics.success.count, four.statistics.executionCount], [0, 0]);
      const answer = async () => floats((await inferOnce(e, vector(1, 2, 3, 4))).outputs[0]);
      assert.deepEqual(await answer(), [12, 23, 34, 45]);
      const text = await inferOnce(four, vector(1, 2, 3)).then(() => "", ({ message }) => message);
      assert.match(text, /broadcast/);
      await assert.rejects(inferOnce(e, vector(1, 2, 3)), { message: `in ensemble 'e', ${text}` });
      assert.deepEqual(await answer(), [12, 23, 34, 45]);
      assert.deepEqual([four.statistics.success.count, four.statistics.fail.count], [2, 2]);
      assert.deepEqual([e.statistics.success.count, e.statistics.fail.count], [2, 1]);
    });
  },
});

Deno.test({
  ...needing("a chain of completed models joins the requests of one ensemble, and answers each as if alone", absent),
  async fn() {
    await withRepository(BATCHED, async (repository, log) => {
      assert.ok(log.lines.includes(STAYS), log.lines.join("\n"));
      const e = repository.find("e", "");
      const inputs = Array.from({ length: 8 }, (_, i) => row(i, 2 * i, 3 * i, 4 * i));
      const alone: number[][] = [];
      for (const input of inputs) alone.push(floats((await inferOnce(e, input)).outputs[0]));
      assert.deepEqual(alone[2], [13, 25, 37, 49]);
      const together = await Promise.all(inputs.map((input) => inferOnce(e, input)));
      assert.deepEqual(together.map(({ outputs: [out] }) => [out.shape, floats(out)]), alone.map((it) => [[1, 4], it]));
      for (const name of ["one", "four"]) {
        const { success, inferenceCount, executionCount, batches, closed } = repository.find(name, "").statistics;
        assert.deepEqual([success.count, inferenceCount], [16, 16], name);
        const sizes = [...batches].map(([size, { computeInfer }]) => [size, computeInfer.count]);
        assert.equal(sizes.reduce((sum, [size, count]) => sum + size * count, 0), 16, name);
        // of the eight that came together, at least four shared a batch
        assert.ok(sizes.some(([size]) => size === 4) && executionCount < 16, `${name}: ${sizes.join(" ")}`);
        assert.ok(closed!.full > 0 && closed!.idle > 0, name);
      }
      assert.deepEqual(
        ...["one", "four"].map((name) => repository.find(name, "").statistics.closed) as [unknown, unknown],
      );
    });
  },
});

Deno.test({
  ...needing("a batch whose step fails in a chain fails as its steps do, and spoils no other", absent),
  async fn() {
    await withRepository(BATCHED, async (repository) => {
      const e = repository.find("e", "");
      const ask = (input: Tensor) =>
        inferOnce(e, input).then(({ outputs }) => floats(outputs[0]), (error) => error.message);
      const answers = await Promise.all([row(1, 2, 3, 4), row(1, 2, 3), row(5, 6, 7, 8), row(4, 5, 6)].map(ask));
      assert.deepEqual([answers[0], answers[2]], [[12, 23, 34, 45], [16, 27, 38, 49]]);
      assert.match(answers[1], /^in ensemble 'e', .*broadcast/s);
      assert.match(answers[3], /^in ensemble 'e', .*broadcast/s);
      const [one, four] = ["one", "four"].map((name) => repository.find(name, "").statistics);
      assert.deepEqual([one.success.count, one.fail.count], [4, 0]);
      assert.deepEqual([four.success.count, four.fail.count], [2, 2]);
    });
  },
});

Deno.test({
  ...needing("a chain of batching models reads one output back for a whole batch, and nothing in between", absent),
  async fn() {
    await withRepository(BATCHED, async (repository) => {
      const models = ["one", "four"].map((name) => repository.find(name, "") as ServedModel);
      const { chain, log } = await countingChain(repository, models);
      assert.deepEqual(await Promise.all([1, 2, 3, 4].map((value) => askChain(chain, value))), [12, 13, 14, 15]);
      // the worker's words come another way than its answers
      while (bytesRead(log) < 64) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.ok(log.lines.length < 4, log.lines.join("\n"));
      for (const line of log.lines) assert.match(line, /^I e: run with 1 reads of (16|32|48|64) bytes$/);
      assert.equal(bytesRead(log), 64);
      await chain.stop();
    });
  },
});

Deno.test({
  ...needing("a chain has as many workers as its models have instances, and pads its batches as they do", absent),
  async fn() {
    const config = `backend: "onnxruntime" max_batch_size: 4 dynamic_batching {}
      input { name: "IN" data_type: TYPE_FP32 dims: -1 } output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
      parameters { key: "allowed_batch_sizes" value { string_value: "2,4" } }
      instance_group [ { kind: KIND_GPU count: 2 } ]`;
    const files = pipeline(config, addingToRows(1), addingToRows(10, 20, 30, 40), "max_batch_size: 4");
    await withRepository(files, async (repository) => {
      const models = ["one", "four"].map((name) => repository.find(name, "") as ServedModel);
      const { chain, log } = await countingChain(repository, models);
      assert.equal(chain.instances.length, 2);
      assert.equal(await askChain(chain, 1), 12);
      while (bytesRead(log) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(bytesRead(log), 32, "two rows");
      for (const { statistics } of models) assert.deepEqual([...statistics.batches.keys()], [1]);
      await chain.stop();
    });
  },
});

Deno.test({
  ...needing("a chain takes models of one value per row, which are completed with a reshape", absent),
  async fn() {
    const files = pipeline(COMPLETED, adding(1), adding(10), "max_batch_size: 4");
    await withRepository(files, async (repository, log) => {
      assert.ok(log.lines.includes(STAYS), log.lines.join("\n"));
      const { reshape } = repository.find("four", "").config.input[0];
      assert.deepEqual(reshape?.shape, []);
      const e = repository.find("e", "");
      const answers = await Promise.all(
        [row(1), { ...vector(2, 3), shape: [2, 1] }].map((input) => inferOnce(e, input)),
      );
      assert.deepEqual(answers.map(({ outputs: [out] }) => [out.shape, floats(out)]), [[[1, 1], [12]], [[2, 1], [
        13,
        14,
      ]]]);
      assert.equal(repository.find("four", "").statistics.inferenceCount, 3);
    });
  },
});

Deno.test({
  ...needing("a chain is built anew when a model of it is loaded anew, and ends when one is unloaded", absent),
  async fn() {
    await withRepository(BATCHED, async (repository, log, root) => {
      const answer = async () => floats((await inferOnce(repository.find("e", ""), row(1, 2, 3, 4))).outputs[0]);
      const chains = () => log.lines.filter((line) => line === STAYS).length;
      assert.deepEqual([await answer(), chains()], [[12, 23, 34, 45], 1]);
      await writeFiles(root, { "one/1/model.onnx": onnxModel(addingToRows(101)) });
      await repository.load("one");
      assert.deepEqual([await answer(), chains()], [[112, 123, 134, 145], 2]);
      assert.equal(repository.find("one", "").statistics.success.count, 1);
      await repository.unload("one");
      await assert.rejects(answer(), /'e'|not ready|one/);
      await repository.load("one");
      assert.deepEqual([await answer(), chains()], [[112, 123, 134, 145], 3]);
      assert.equal(repository.find("four", "").statistics.success.count, 3);
    }, { source: onRequest(["*"]) });
  },
});

Deno.test({
  ...needing("a chain refuses what its queue has no room for, and its first model counts it", absent),
  async fn() {
    await withRepository(pipeline(GPU, adding(1), adding(10)), async (repository) => {
      const e = repository.find("e", "");
      const asked = Array.from({ length: 12 }, () => inferOnce(e, vector(1)));
      const results = await Promise.allSettled(asked);
      const refused = results.filter((result) => result.status === "rejected");
      assert.ok(refused.length >= 12 - 5, "one runs, or four that are short, and one waits");
      for (const { reason } of refused) {
        assert.equal(reason.code, "UNAVAILABLE");
        assert.match(reason.message, /^in ensemble 'e', .*'one'.*--max-queue-size/s);
      }
      const { statistics } = repository.find("one", "");
      assert.equal(statistics.failures.REJECTED, refused.length);
      assert.equal(statistics.success.count, 12 - refused.length);
    }, { maxQueueSize: 1 });
  },
});
