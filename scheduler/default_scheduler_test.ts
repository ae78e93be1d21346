import assert from "node:assert/strict";
import type { Execution, ModelInstance } from "../backends/backend.ts";
import { ManualClock } from "../core/clock.ts";
import { InferenceRequest } from "../core/inference.ts";
import { UnaryResponse } from "../core/responses.ts";
import { Status } from "../core/status.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { DefaultScheduler } from "./default_scheduler.ts";
import { chooseInstance } from "./instance_pool.ts";

class FakeInstance implements ModelInstance {
  readonly group = "g";
  readonly passive = false;
  capacity = 1;
  available = true;
  onAvailable = () => {};
  readonly executions: Execution[] = [];
  constructor(readonly name: string) {}
  execute(execution: Execution): void {
    this.executions.push(execution);
  }
  /** Answers the oldest execution. */
  answer(error?: Status): void {
    const execution = this.executions.shift()!;
    if (!error) execution.respond(0, { modelName: "m", modelVersion: "1", id: execution.requests[0].id, outputs: [] });
    execution.finish({ inputMs: 1, inferMs: 2, outputMs: 3 }, error);
  }
}

function setUp(count: number, maxQueueSize?: number) {
  const instances = Array.from({ length: count }, (_, index) => new FakeInstance(`m_${index}`));
  const statistics = new ModelStatistics();
  const clock = new ManualClock();
  const scheduler = new DefaultScheduler({ modelName: "m", instances, statistics, clock, maxQueueSize });
  const enqueue = (id: string, signal?: AbortSignal) => {
    const request = new InferenceRequest("m", "");
    request.id = id;
    request.receivedAt = clock.now();
    request.signal = signal;
    const sink = new UnaryResponse();
    scheduler.enqueue(request, sink);
    return sink.promise;
  };
  return { instances, statistics, clock, scheduler, enqueue };
}

const slot = (executing: number, more: { available?: boolean; passive?: boolean; capacity?: number } = {}) => ({
  available: true,
  passive: false,
  capacity: 1,
  executing,
  ...more,
});

Deno.test("chooseInstance() takes the least busy one with room, and turns among equals", () => {
  assert.equal(chooseInstance([slot(0), slot(0)], 0), 0);
  assert.equal(chooseInstance([slot(0), slot(0)], 1), 1);
  assert.equal(chooseInstance([slot(1), slot(0)], 0), 1);
  assert.equal(chooseInstance([slot(1), slot(1)], 0), -1);
  assert.equal(chooseInstance([slot(2, { capacity: 4 }), slot(1, { capacity: 4 })], 0), 1);
  assert.equal(chooseInstance([slot(0, { available: false }), slot(0, { passive: true })], 0), -1);
});

Deno.test("DefaultScheduler spreads requests over instances and keeps the rest in order", async () => {
  const { instances: [a, b], scheduler, enqueue } = setUp(2);
  const answers = ["1", "2", "3", "4"].map((id) => enqueue(id));
  assert.deepEqual([a.executions.length, b.executions.length, scheduler.pending, scheduler.inFlight], [1, 1, 2, 4]);
  b.answer();
  assert.equal(b.executions[0].requests[0].id, "3");
  a.answer();
  assert.equal(a.executions[0].requests[0].id, "4");
  a.answer();
  b.answer();
  assert.deepEqual((await Promise.all(answers)).map(({ id }) => id), ["1", "2", "3", "4"]);
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("DefaultScheduler counts queue time, phases and batches as the statistics extension defines them", async () => {
  const { instances: [a], statistics, clock, enqueue } = setUp(1);
  const first = enqueue("1");
  const second = enqueue("2");
  clock.advance(5);
  a.answer();
  clock.advance(7);
  a.answer();
  await Promise.all([first, second]);
  assert.deepEqual({ ...statistics.success }, { count: 2, ns: 17e6 });
  assert.deepEqual({ ...statistics.queue }, { count: 2, ns: 5e6 });
  assert.deepEqual({ ...statistics.computeInfer }, { count: 2, ns: 4e6 });
  assert.equal(statistics.executionCount, 2);
  assert.deepEqual([...statistics.batches.keys()], [1]);
});

Deno.test("DefaultScheduler never runs a request that was cancelled while it waited", async () => {
  const { instances: [a], scheduler, statistics, enqueue } = setUp(1);
  const first = enqueue("1");
  const abort = new AbortController();
  const second = enqueue("2", abort.signal);
  const third = enqueue("3");
  abort.abort();
  await assert.rejects(second, (error: Status) => error.code === "CANCELLED");
  assert.equal(scheduler.pending, 1);
  a.answer();
  assert.equal(a.executions[0].requests[0].id, "3");
  a.answer();
  await Promise.all([first, third]);
  assert.equal(statistics.failures.CANCELED, 1);
  assert.equal(scheduler.pending, 0);
});

Deno.test("DefaultScheduler waits for an instance that restarts and goes on when it is back", async () => {
  const { instances: [a], enqueue } = setUp(1);
  a.available = false;
  const answer = enqueue("1");
  assert.equal(a.executions.length, 0);
  a.available = true;
  a.onAvailable();
  a.answer();
  assert.equal((await answer).id, "1");
});

Deno.test("DefaultScheduler refuses new work once stopped and finishes what it has", async () => {
  const { instances: [a], scheduler, statistics, enqueue } = setUp(1);
  const taken = enqueue("1");
  scheduler.stop();
  await assert.rejects(enqueue("2"), (error: Status) => error.code === "UNAVAILABLE");
  a.answer();
  assert.equal((await taken).id, "1");
  assert.equal(statistics.failures.REJECTED, 1);
});

Deno.test("DefaultScheduler hands an execution's error to the request and counts it", async () => {
  const { instances: [a], statistics, enqueue } = setUp(1);
  const answer = enqueue("1");
  a.answer(new Status("INTERNAL", "broken"));
  await assert.rejects(answer, (error: Status) => error.message === "broken");
  assert.equal(statistics.failures.BACKEND, 1);
  assert.equal(statistics.fail.count, 1);
});

Deno.test("DefaultScheduler loses no request when executions end before execute() returns", async () => {
  const { instances: [a], scheduler, enqueue } = setUp(1);
  const ids = Array.from({ length: 20_000 }, (_, index) => String(index));
  const answers = ids.map((id) => enqueue(id));
  const execute = a.execute.bind(a);
  a.execute = (execution) => {
    execute(execution);
    a.answer();
  };
  a.answer();
  assert.deepEqual((await Promise.all(answers)).map(({ id }) => id), ids);
  assert.deepEqual([scheduler.inFlight, scheduler.pending], [0, 0]);
});

Deno.test("DefaultScheduler refuses at once, naming the limit, when its queue is full", async () => {
  const { instances: [a], statistics, scheduler, enqueue } = setUp(1, 1);
  const taken = [enqueue("1"), enqueue("2")];
  await assert.rejects(enqueue("3"), (error: Status) => {
    return error.code === "UNAVAILABLE" &&
      /^\[request id: 3\] Exceeds maximum queue size: 1 requests/.test(error.message);
  });
  assert.deepEqual([scheduler.inFlight, statistics.failures.REJECTED], [2, 1]);
  a.answer();
  a.answer();
  await Promise.all(taken);
});

Deno.test("DefaultScheduler does not run a request that was cancelled before it came", async () => {
  const { instances: [instance], scheduler, statistics, enqueue } = setUp(1);
  const cancelled = (error: Status) => error.code === "CANCELLED";
  await assert.rejects(enqueue("a", AbortSignal.abort()), cancelled);
  enqueue("b");
  await assert.rejects(enqueue("c", AbortSignal.abort()), cancelled);
  assert.deepEqual([instance.executions.length, scheduler.inFlight, statistics.failures.CANCELED], [1, 1, 2]);
});
