import assert from "node:assert/strict";
import { probeGpu } from "../../backends/gpu.ts";
import { type GraphDefinition, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import type { Tensor } from "../../core/tensor.ts";
import { needing, WEBGPU_ABSENT } from "../../tests/support/needing.ts";
import type { ServedModel } from "../served_model.ts";
import { onRequest } from "../source.ts";
import { ensembleConfig } from "../testing/ensemble_fixture.ts";
import {
  adding,
  addingToRows,
  BATCHED,
  COMPLETED,
  floats,
  GPU,
  pipeline,
  row,
  STAYS,
  withRepository,
} from "../testing/gpu_chain_fixture.ts";
import { inferOnce, vector, writeFiles } from "../testing/repository_fixture.ts";

const absent = await probeGpu() ? undefined : WEBGPU_ABSENT;

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
  ...needing("a chain hands inputs of the ensemble to steps after its first", absent),
  async fn() {
    const shape = ["rows", "n"];
    const sum: GraphDefinition = {
      inputs: ["A", "B", "C"].map((name) => ({ name, shape })),
      outputs: [{ name: "OUT", shape }],
      nodes: [
        { op: "Mul", inputs: ["A", "B"], outputs: ["product"] },
        { op: "Add", inputs: ["product", "C"], outputs: ["OUT"] },
      ],
    };
    const more = 'max_batch_size: 4 input { name: "MORE" data_type: TYPE_FP32 dims: [-1] }';
    const files = {
      ...pipeline(COMPLETED, addingToRows(1), sum),
      "e/config.pbtxt": ensembleConfig(["one IN=IN OUT=mid", "four A=mid,B=MORE,C=IN OUT=OUT"], more),
    };
    await withRepository(files, async (repository, log) => {
      assert.ok(log.lines.includes(STAYS), log.lines.join("\n"));
      const e = repository.find("e", "");
      const ask = async (value: number) => {
        const { outputs } = await inferOnce(e, row(value, value), { ...row(10, 100), name: "MORE" });
        return floats(outputs[0]);
      };
      assert.deepEqual(await Promise.all([1, 2, 3].map(ask)), [[21, 201], [32, 302], [43, 403]]);
      assert.equal(repository.find("four", "").statistics.success.count, 3);
      const different = inferOnce(e, row(1, 2), { ...row(1, 2, 3), name: "MORE" });
      await assert.rejects(different, { message: /^in ensemble 'e', / });
    });
  },
});

Deno.test({
  ...needing("steps that cannot be compared with their chain run one by one, and the log says why", absent),
  async fn() {
    // alone, each takes a vector of one value; together they take none
    const files = pipeline(GPU, adding(1, 2, 3), adding(10, 20, 30, 40));
    await withRepository(files, async (repository, log) => {
      const warning = log.lines.find((line) =>
        line.startsWith("W e: one, four run one by one, since as one chain on ")
      );
      assert.match(warning ?? "", /the GPU it could not be compared .*give 'one' a model_warmup sample/);
      const [e, one] = [repository.find("e", ""), repository.find("one", "")];
      await assert.rejects(inferOnce(e, vector(1)), { message: /^in ensemble 'e', .*broadcast/s });
      assert.deepEqual([one.statistics.success.count, one.statistics.fail.count], [1, 0]);
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
      assert.equal((e as ServedModel).scheduler.pending, 1);
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
