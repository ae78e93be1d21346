import assert from "node:assert/strict";
import { InferenceRequest } from "../../core/inference.ts";
import { isCollected } from "../../core/testing/garbage.ts";
import { sequenceConfigOf } from "./config.ts";
import type { OldestStrategy } from "./oldest.ts";
import { Sequence, SequenceTask } from "./sequence.ts";
import { configOf, setUp } from "./testing.ts";

const start = { start: true };
const direct = (minimumSlotUtilization: number, maxQueueDelayMicroseconds: bigint) => ({
  strategyChoice: { case: "direct" as const, value: { minimumSlotUtilization, maxQueueDelayMicroseconds } },
});
const oldest = (
  maxCandidateSequences: number,
  preferredBatchSize: number[] = [],
  maxQueueDelayMicroseconds = 0n,
  preserveOrdering = false,
) => ({
  strategyChoice: {
    case: "oldest" as const,
    value: { maxCandidateSequences, preferredBatchSize, maxQueueDelayMicroseconds, preserveOrdering },
  },
});

Deno.test("DirectStrategy keeps each sequence in its row and leaves rows empty that have no request", () => {
  const { instances: [a], send } = setUp(configOf(4, {}));
  for (const id of [1, 2, 3]) send(id, start);
  a.answer();
  assert.equal(a.rows, "- 2s 3s");
  send(1);
  a.answer();
  assert.equal(a.rows, "1 - -");
  send(3);
  a.answer();
  assert.equal(a.rows, "- - 3");
  send(3, { end: true });
  a.answer();
  a.answer();
  send(2);
  assert.equal(a.rows, "- 2", "up to the last slot that has a sequence");
});

Deno.test("DirectStrategy gives empty rows zeros in the shape of a real request and control values that say so", () => {
  const { instances: [a], send } = setUp(configOf(4, {}, [-1n]));
  send(1, { start: true, length: 3 });
  a.answer();
  send(2, { start: true, length: 5 });
  const [{ requests }] = a.executions;
  assert.deepEqual(
    requests[0].inputs.map(({ name, shape, data }) => [name, shape, data.every((byte) => byte === 0)]),
    [["IN", [1, 5], true], ["START", [1, 1], true], ["END", [1, 1], true], ["READY", [1, 1], true], [
      "CORRID",
      [1, 1],
      true,
    ]],
  );
});

Deno.test("DirectStrategy lets a request of another shape wait, oldest first", () => {
  const { instances: [a], send } = setUp(configOf(4, {}, [-1n]));
  send(1, start);
  send(2, { start: true, length: 2 });
  send(3, start);
  send(1, { length: 2 });
  a.answer();
  assert.equal(a.rows, "1 2s -");
  assert.deepEqual(a.executions[0].requests[2].inputs[0].shape, [1, 2]);
  a.answer();
  assert.equal(a.rows, "- - 3s");
});

Deno.test("DirectStrategy waits for enough rows or until the oldest request has waited long enough", () => {
  const { instances: [a], clock, send } = setUp(configOf(4, direct(0.5, 100_000n)));
  send(1, start);
  assert.equal(a.rows, "");
  clock.advance(60);
  send(2, start);
  assert.equal(a.rows, "1s 2s");
  a.answer();
  send(1);
  clock.advance(99.9);
  assert.equal(a.rows, "");
  clock.advance(0.1);
  assert.equal(a.rows, "1 -");
});

Deno.test("DirectStrategy ignores the delay without a minimum utilization", () => {
  const { instances: [a], send } = setUp(configOf(4, direct(0, 100_000n)));
  send(1, start);
  assert.equal(a.rows, "1s");
});

Deno.test("DirectStrategy runs one sequence at a time, without a batch dimension, where the model does not batch", () => {
  const { instances: [a], send } = setUp(configOf(0, {}));
  send(1, start);
  send(2, start);
  assert.equal(a.rows, "1s");
  assert.deepEqual(a.executions[0].requests[0].inputs.map(({ shape }) => shape), [[1], [1], [1], [1], [1]]);
  send(1, { end: true });
  a.answer();
  a.answer();
  assert.equal(a.rows, "2s");
});

Deno.test("OldestStrategy takes one request of each sequence, the oldest first", () => {
  const { instances: [a], send } = setUp(configOf(3, oldest(8)));
  send(1, start);
  send(1);
  send(1);
  for (const id of [2, 3, 4, 5]) send(id, start);
  assert.equal(a.rows, "1s");
  a.answer();
  assert.equal(a.rows, "1 2s 3s");
  a.answer();
  assert.equal(a.rows, "1 4s 5s");
});

Deno.test("OldestStrategy hands the next batch over while one runs, of other sequences", () => {
  const { instances: [a], send } = setUp(configOf(4, oldest(8)));
  a.capacity = 4;
  send(1, start);
  send(1);
  send(2, start);
  send(3, start);
  assert.equal(a.executions.length, 2);
  a.answer();
  assert.deepEqual([a.rows, a.executions.length], ["2s", 2]);
  a.answer();
  assert.equal(a.rows, "1 3s");
});

Deno.test("OldestStrategy with preserve_ordering has one execution at a time", () => {
  const { instances: [a], send } = setUp(configOf(4, oldest(8, [], 0n, true)));
  a.capacity = 4;
  send(1, start);
  send(2, start);
  assert.equal(a.executions.length, 1);
});

Deno.test("OldestStrategy works on no more sequences than are allowed", () => {
  const { instances: [a], send } = setUp(configOf(4, oldest(2)));
  send(1, start);
  send(2, start);
  send(3, start);
  a.answer();
  assert.equal(a.rows, "2s");
  a.answer();
  assert.equal(a.rows, "");
  send(1, { end: true });
  a.answer();
  assert.equal(a.rows, "3s");
});

Deno.test("OldestStrategy waits for a preferred size, and no longer than the delay", () => {
  const { instances: [a], clock, send } = setUp(configOf(8, oldest(16, [2, 4], 100_000n)));
  send(1, start);
  clock.advance(50);
  assert.equal(a.rows, "");
  send(2, start);
  assert.equal(a.rows, "1s 2s");
  for (const id of [3, 4, 5, 6, 7, 8, 9]) send(id, start);
  a.answer();
  assert.equal(a.rows, "3s 4s 5s 6s");
  a.answer();
  assert.equal(a.rows, "7s 8s");
  a.answer();
  assert.equal(a.rows, "");
  clock.advance(100);
  assert.equal(a.rows, "9s");
});

Deno.test("OldestStrategy sends all that wait once the oldest has waited long enough", () => {
  const { instances: [a], clock, send } = setUp(configOf(8, oldest(16, [4], 100_000n)));
  for (const id of [1, 2, 3]) send(id, start);
  clock.advance(99);
  assert.equal(a.rows, "");
  clock.advance(1);
  assert.equal(a.rows, "1s 2s 3s");
});

Deno.test("OldestStrategy sends preferred sizes first without a delay, and then the rest", () => {
  const { instances: [a], send } = setUp(configOf(8, oldest(16, [4])));
  for (const id of [1, 2, 3, 4, 5, 6, 7]) send(id, start);
  a.answer();
  assert.equal(a.rows, "2s 3s 4s 5s");
  a.answer();
  assert.equal(a.rows, "6s 7s");
});

Deno.test("OldestStrategy does not mix shapes and does not wait for what cannot join", () => {
  const { instances: [a], send } = setUp(configOf(8, oldest(16, [4], 100_000n), [-1n]));
  send(1, start);
  send(2, start);
  assert.equal(a.rows, "");
  send(3, { start: true, length: 2 });
  assert.equal(a.rows, "1s 2s");
  a.answer();
  assert.equal(a.rows, "");
});

Deno.test("OldestStrategy runs requests alone where the model does not batch", () => {
  const { instances: [a], send } = setUp(configOf(0, oldest(4)));
  for (const id of [1, 2]) send(id, start);
  assert.equal(a.rows, "1s");
  a.answer();
  assert.equal(a.rows, "2s");
});

Deno.test("sequences whose states may have grown apart do not share a batch", () => {
  const state = [{ inputName: "S", outputName: "T", dataType: 8, dims: [-1n] }];
  for (const strategy of [oldest(8), {}]) {
    const { instances: [a], send } = setUp(configOf(4, { ...strategy, state }));
    send(1, start);
    a.answer();
    send(1);
    send(2, start);
    send(3, start);
    assert.equal(a.rows.replaceAll("- ", "").replaceAll(" -", ""), "1");
    a.answer();
    assert.equal(a.rows.replaceAll("- ", ""), "2s 3s");
    a.answer();
    send(2);
    send(3);
    a.answer();
    assert.equal(a.rows.replaceAll("- ", ""), "3");
  }
});

Deno.test("executions tell instances with states which slot each row belongs to", () => {
  const state = [{ inputName: "S", outputName: "T", dataType: 8, dims: [1n] }];
  const { instances: [a], send } = setUp(configOf(4, { state }));
  send(1, start);
  a.answer();
  send(2, { start: true, end: true });
  assert.deepEqual(a.executions[0].sequences, [undefined, { slot: 1, start: true, end: true }]);
  assert.deepEqual(a.executions[0].requests.map(({ outputs }) => outputs), [["OUT"], ["OUT"]], "no states");
  a.answer();
  send(1);
  assert.deepEqual(a.executions[0].sequences, [{ slot: 0, start: false, end: false }]);
});

Deno.test("OldestStrategy forgets what was cancelled while its instance is busy", () => {
  const strategyChoice = { case: "oldest" as const, value: { maxCandidateSequences: 2 } };
  const config = configOf(2, { strategyChoice });
  if (config.schedulingChoice.case !== "sequenceBatching") throw new Error("no sequences");
  const strategy = sequenceConfigOf(config, config.schedulingChoice.value).strategy([]) as OldestStrategy;
  const offer = (id: number): SequenceTask => {
    const sequence = new Sequence(id, id);
    const task = new SequenceTask(new InferenceRequest("m", ""), { respond() {}, finish() {} }, 0, sequence, true, id);
    sequence.queue.push(task);
    strategy.ready(sequence);
    return task;
  };
  const first = offer(0);
  for (let id = 1; id <= 5000; id++) {
    offer(id).state = "over";
    assert.ok(strategy.offers < 100, `${strategy.offers} offers after ${id} sequences`);
  }
  const last = offer(5001);
  const plan = strategy.plan(0);
  assert.deepEqual(plan, { rows: [first, last], reason: "full" });
});

Deno.test("strategies keep no request that has been executed, while its sequence lasts", async () => {
  for (const strategyChoice of [{ case: "direct" as const, value: {} }, { case: "oldest" as const, value: {} }]) {
    const { instances: [a], send } = setUp(configOf(2, { strategyChoice }));
    send(1, start);
    const input = new WeakRef(a.executions[0].requests[0].inputs[0]);
    a.answer();
    assert.ok(await isCollected(input), strategyChoice.case);
    send(1);
    assert.equal(a.rows, "1");
  }
});
