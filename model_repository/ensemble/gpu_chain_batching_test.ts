import assert from "node:assert/strict";
import { probeGpu } from "../../backends/gpu.ts";
import { systemClock } from "../../core/clock.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { needing, WEBGPU_ABSENT } from "../../tests/support/needing.ts";
import type { ModelRepository } from "../repository.ts";
import type { ServedModel } from "../served_model.ts";
import { addingToRows, BATCHED, floats, pipeline, row, STAYS, withRepository } from "../testing/gpu_chain_fixture.ts";
import { inferOnce, MemoryLog } from "../testing/repository_fixture.ts";
import { ChainedSteps } from "./chained_steps.ts";
import { describeEnsemble } from "./describe.ts";
import { GpuChain } from "./gpu_chain.ts";

const absent = await probeGpu() ? undefined : WEBGPU_ABSENT;

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
  ...needing("a chain whose worker ends answers what was on its way, and what comes meanwhile, by its steps", absent),
  async fn() {
    await withRepository(BATCHED, async (repository) => {
      const models = ["one", "four"].map((name) => repository.find(name, "") as ServedModel);
      const { chain, log } = await countingChain(repository, models);
      const onTheirWay = [1, 2, 3].map((value) => askChain(chain, value));
      chain.instances[0].worker.kill("the test ends it");
      assert.equal(chain.usable, false);
      assert.equal(await askChain(chain, 4), 15);
      assert.deepEqual(await Promise.all(onTheirWay), [12, 13, 14]);
      while (!chain.usable) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(await askChain(chain, 5), 16);
      for (const { statistics } of models) assert.deepEqual([statistics.success.count, statistics.fail.count], [5, 0]);
      assert.match(log.lines.join("\n"), /^W e: .*the test ends it/m);
      await chain.stop();
    });
  },
});

Deno.test({
  ...needing("a chain does not wait for a larger batch when the server is about to stop", absent),
  async fn() {
    const config = `backend: "onnxruntime" max_batch_size: 4
      dynamic_batching { max_queue_delay_microseconds: 3600000000 }
      input { name: "IN" data_type: TYPE_FP32 dims: -1 } output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
      instance_group [ { kind: KIND_GPU } ]`;
    const files = pipeline(config, addingToRows(1), addingToRows(10, 20, 30, 40), "max_batch_size: 4");
    await withRepository(files, async (repository, log) => {
      assert.ok(log.lines.includes(STAYS), log.lines.join("\n"));
      const e = repository.find("e", "") as ServedModel;
      const waiting = inferOnce(e, row(1, 1, 1, 1));
      assert.equal(e.scheduler.pending, 1);
      repository.hurry();
      assert.deepEqual(floats((await waiting).outputs[0]), [12, 22, 32, 42]);
      const { outputs } = await inferOnce(e, row(2, 2, 2, 2));
      assert.deepEqual(floats(outputs[0]), [13, 23, 33, 43]);
    });
  },
});
