import assert from "node:assert/strict";
import type { Execution, ExecutionTiming } from "../../backends/backend.ts";
import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import type { InferenceResponse } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { vector } from "../testing/repository_fixture.ts";
import { ChainInstance, ChainStatistics, type ChainWorker } from "./chain_instance.ts";
import { ChainRequest } from "./chain_request.ts";

const TIMING: ExecutionTiming = { inputMs: 1, inferMs: 9, outputMs: 2 };

/** What a chain says of its links, for `rows` rows. */
function times(rows: number, ...ofEach: number[]): Tensor {
  const data = Float64Array.from({ length: rows * ofEach.length }, (_, i) => ofEach[i % ofEach.length]);
  return { name: LINK_TIMES, datatype: "FP64", shape: [rows, ofEach.length], data: new Uint8Array(data.buffer) };
}

/** A worker whose executions a test ends. */
class FakeWorker implements ChainWorker {
  readonly name = "chain_0_0";
  readonly group = "chain_0";
  readonly passive = false;
  readonly capacity = 4;
  available = true;
  onAvailable = () => {};
  readonly executions: Execution[] = [];
  kill(): void {}
  stop(): Promise<void> {
    return Promise.resolve();
  }
  execute(execution: Execution): void {
    this.executions.push(execution);
  }
}

class FakeExecution implements Execution {
  readonly responses: InferenceResponse[] = [];
  end: [ExecutionTiming, Status | undefined] | undefined;
  constructor(readonly requests: readonly ChainRequest[]) {}
  respond(index: number, response: InferenceResponse): void {
    this.responses[index] = response;
  }
  fail(): void {}
  finish(timing: ExecutionTiming, error?: Status): void {
    this.end = [timing, error];
  }
}

function setUp(batching: boolean) {
  const worker = new FakeWorker();
  const models = [{ statistics: new ModelStatistics() }, { statistics: new ModelStatistics() }];
  const statistics = new ChainStatistics(models[0].statistics);
  const outcomes: string[] = [];
  const instance = new ChainInstance(worker, models, batching, statistics, {
    worked: () => outcomes.push("worked"),
    failed: (reason, where) => outcomes.push(`${where.name}: ${reason}`),
  });
  return { worker, models: models.map((model) => model.statistics), statistics, outcomes, instance };
}

function request(rows: number): ChainRequest {
  return Object.assign(new ChainRequest("m", ""), { batchSize: rows });
}

function answer(...outputs: Tensor[]): InferenceResponse {
  return { modelName: "e", modelVersion: "1", id: "", outputs };
}

Deno.test("ChainInstance counts a batch for each model once, and every request of it", () => {
  const { worker, models, statistics, outcomes, instance } = setUp(true);
  statistics.batchClosed("full");
  const execution = new FakeExecution([request(1), request(2)]);
  instance.execute(execution);
  const [inner] = worker.executions;
  // 4 rows ran: one was padding
  inner.respond(0, answer(times(1, 4, 3, 4, 5), vector(42)));
  inner.respond(1, answer(times(2, 4, 3, 4, 5), vector(43, 44)));
  inner.finish(TIMING);
  assert.deepEqual(execution.responses.map(({ outputs }) => outputs), [[vector(42)], [vector(43, 44)]]);
  assert.deepEqual(execution.end, [TIMING, undefined]);
  assert.deepEqual(outcomes, ["worked"]);
  for (const model of models) {
    assert.deepEqual([model.success.count, model.inferenceCount, model.executionCount], [2, 3, 1]);
    assert.deepEqual([...model.batches.keys()], [3]);
    assert.equal(model.closed!.full, 1);
  }
  const [first, last] = models;
  assert.deepEqual([first.computeInfer.ns, last.computeInfer.ns], [6e6, 10e6]);
  assert.deepEqual([first.computeInput.ns, first.computeOutput.ns], [2e6, 0]);
  assert.deepEqual([last.computeInput.ns, last.computeOutput.ns, last.queue.ns], [0, 4e6, 0]);
});

Deno.test("ChainInstance counts the rows that each link had where these are not the request's", () => {
  const { worker, models, instance } = setUp(false);
  const execution = new FakeExecution([request(1)]);
  instance.execute(execution);
  worker.executions[0].respond(0, answer(times(1, 1, 3, 22, 5), vector(1)));
  worker.executions[0].finish(TIMING);
  assert.deepEqual(models.map(({ inferenceCount, executionCount }) => [inferenceCount, executionCount]), [
    [1, 1],
    [22, 1],
  ]);
  assert.deepEqual(models.map(({ closed }) => closed), [undefined, undefined]);
});

Deno.test("ChainInstance counts only the links that ran", () => {
  const { worker, models, instance } = setUp(true);
  instance.execute(new FakeExecution([request(1)]));
  worker.executions[0].respond(0, answer(times(1, 1, 3), vector(1)));
  worker.executions[0].finish(TIMING);
  assert.deepEqual(models.map(({ executionCount }) => executionCount), [1, 0]);
  assert.equal(models[0].computeOutput.ns, 2e6);
});

Deno.test("ChainInstance marks the requests of an execution that fails, and counts none of it", () => {
  const { worker, models, statistics, outcomes, instance } = setUp(true);
  const requests = [request(1), request(1)];
  const execution = new FakeExecution(requests);
  instance.execute(execution);
  const error = new Status("INTERNAL", "no memory");
  worker.executions[0].finish(TIMING, error);
  statistics.requestFailed(1, "BACKEND");
  assert.deepEqual(requests.map(({ failed }) => failed), [true, true]);
  assert.deepEqual(outcomes, ["chain_0_0: no memory"]);
  assert.deepEqual(execution.end, [TIMING, error]);
  assert.deepEqual(models.map(({ fail, executionCount }) => [fail.count, executionCount]), [[0, 0], [0, 0]]);
});

Deno.test("ChainStatistics counts what fails in the queue for the first model", () => {
  const { models, statistics } = setUp(true);
  statistics.requestFailed(1, "REJECTED");
  statistics.requestFailed(1, "CANCELED");
  assert.deepEqual(models.map(({ fail }) => fail.count), [2, 0]);
  assert.deepEqual([models[0].failures.REJECTED, models[0].failures.CANCELED], [1, 1]);
});

Deno.test("ChainInstance is available, and tells of it, when its worker is", () => {
  const { worker, instance } = setUp(true);
  let told = 0;
  instance.onAvailable = () => told++;
  worker.onAvailable();
  worker.available = false;
  assert.deepEqual([told, instance.available, instance.capacity, instance.name], [1, false, 4, "chain_0_0"]);
});
