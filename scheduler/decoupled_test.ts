/** Decoupled models through the default scheduler: any number of responses, counted one by one. */
import assert from "node:assert/strict";
import type { Execution, ModelInstance } from "../backends/backend.ts";
import { ManualClock } from "../core/clock.ts";
import { InferenceRequest } from "../core/inference.ts";
import { ResponseStream } from "../core/responses.ts";
import { Status } from "../core/status.ts";
import { ResponseStatistics } from "../observability/response_statistics.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { DefaultScheduler } from "./default_scheduler.ts";

function setUp() {
  const clock = new ManualClock();
  const executions: Execution[] = [];
  const instance: ModelInstance = {
    name: "m_0",
    group: "g",
    passive: false,
    capacity: 1,
    available: true,
    onAvailable() {},
    execute: (execution) => executions.push(execution),
  };
  const statistics = new ModelStatistics();
  statistics.responses = new ResponseStatistics();
  const scheduler = new DefaultScheduler({ modelName: "m", instances: [instance], statistics, clock });
  const enqueue = () => {
    const request = new InferenceRequest("m", "");
    request.receivedAt = clock.now();
    const sink = new ResponseStream();
    scheduler.enqueue(request, sink);
    return sink;
  };
  return { clock, executions, scheduler, statistics, positions: statistics.responses.positions, enqueue };
}

const TIMING = { inputMs: 0, inferMs: 1, outputMs: 0 };
const response = (id: string) => ({ modelName: "m", modelVersion: "1", id, outputs: [] });

Deno.test("DefaultScheduler hands on any number of responses, then the end or the error", async () => {
  const { executions, statistics, scheduler, enqueue } = setUp();
  const [none, two, failing] = [enqueue(), enqueue(), enqueue()];
  executions[0].finish(TIMING);
  executions[1].respond(0, response("a"));
  executions[1].respond(0, response("b"));
  executions[1].finish(TIMING);
  executions[2].respond(0, response("c"));
  executions[2].finish(TIMING, new Status("INTERNAL", "late"));
  executions[2].respond(0, response("never"));
  assert.deepEqual(await Array.fromAsync(none), []);
  assert.deepEqual((await Array.fromAsync(two)).map(({ id }) => id), ["a", "b"]);
  const got: string[] = [];
  await assert.rejects(async () => {
    for await (const { id } of failing) got.push(id);
  }, { message: "late" });
  assert.deepEqual(got, ["c"]);
  assert.deepEqual([statistics.success.count, statistics.fail.count, scheduler.inFlight], [2, 1, 0]);
});

Deno.test("DefaultScheduler counts the responses of decoupled models by position", () => {
  const { clock, executions, positions, enqueue } = setUp();
  enqueue();
  clock.advance(2);
  executions[0].respond(0, response("a"));
  clock.advance(3);
  executions[0].respond(0, response("b"));
  clock.advance(4);
  executions[0].finish(TIMING);
  enqueue();
  clock.advance(1);
  executions[1].finish(TIMING, new Status("CANCELLED", "gone"));
  assert.deepEqual(positions.map(({ success, emptyResponse, cancel }) => [success.ns, emptyResponse.ns, cancel.ns]), [
    [2e6, 0, 1e6],
    [3e6, 0, 0],
    [0, 4e6, 0],
  ]);
});

Deno.test("an execution tells who makes responses when its client reads slowly", () => {
  const { executions, enqueue } = setUp();
  enqueue();
  const [execution] = executions;
  for (let i = 0; i < 64; i++) {
    assert.equal(execution.backpressure!(0), undefined);
    execution.respond(0, response(""));
  }
  assert.ok(execution.backpressure!(0));
});
