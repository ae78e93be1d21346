import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { ResponseStatistics } from "../../observability/response_statistics.ts";
import { DEFAULT_QUEUE_SIZE } from "../limits.ts";
import { configOf, setUp } from "./testing.ts";

const start = { start: true };
const end = { end: true };
const both = { start: true, end: true };

Deno.test("SequenceScheduler refuses requests without an id, without a START, and with several rows", () => {
  const { outcomes, send, scheduler, statistics } = setUp(configOf(4, {}));
  send(0, start);
  send("", start);
  send(77);
  send("abc", end);
  send(5, { ...start, batchSize: 2 });
  assert.deepEqual(outcomes, [
    "INVALID_ARGUMENT: inference request to model 'm' must specify a non-zero or non-empty correlation ID",
    "INVALID_ARGUMENT: inference request to model 'm' must specify a non-zero or non-empty correlation ID",
    "INVALID_ARGUMENT: inference request for sequence 77 to model 'm' must specify the START flag on the first request " +
    "of the sequence",
    "INVALID_ARGUMENT: inference request for sequence abc to model 'm' must specify the START flag on the first request " +
    "of the sequence",
    "INVALID_ARGUMENT: inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher, " +
    "got 2",
  ]);
  assert.equal(scheduler.inFlight, 0);
  assert.equal(statistics.fail.count, 0);
});

Deno.test("SequenceScheduler runs a sequence in its order and forgets its id at END", () => {
  const { instances: [a], outcomes, send } = setUp(configOf(4, {}));
  send(7, start);
  assert.equal(a.rows, "7s");
  send(7);
  send(7n, end);
  assert.equal(a.executions.length, 1, "one execution at a time");
  a.answer();
  assert.equal(a.rows, "7");
  a.answer();
  assert.equal(a.rows, "7e");
  send(7);
  assert.match(outcomes[3], /must specify the START flag/);
  a.answer();
  assert.deepEqual(outcomes.slice(0, 3), ["ok", "ok", "ok"]);
});

Deno.test("SequenceScheduler takes number, bigint and text ids, and tells them apart as their types do", () => {
  const { instances: [a], outcomes, send } = setUp(configOf(4, {}));
  const large = 2n ** 63n + 5n;
  send(5, start);
  a.answer();
  send(5n);
  a.answer();
  send(large, start);
  a.answer();
  send(large);
  a.answer();
  send("5");
  assert.deepEqual(outcomes.slice(0, 4), ["ok", "ok", "ok", "ok"]);
  assert.match(outcomes[4], /sequence 5 .* START/);
});

Deno.test("SequenceScheduler gives new sequences slot 0 of every instance before any slot 1", () => {
  const { instances: [a, b], send } = setUp(configOf(2, {}), { instances: 2 });
  send(1, start);
  send(2, start);
  send(3, start);
  send(4, start);
  assert.deepEqual([a.rows, b.rows], ["1s", "2s"]);
  a.answer();
  b.answer();
  assert.deepEqual([a.rows, b.rows], ["- 3s", "- 4s"]);
});

Deno.test("SequenceScheduler lets sequences wait in a backlog, first come, first served, and moves all their requests", () => {
  const { instances: [a], send, scheduler } = setUp(configOf(1, {}));
  send(1, start);
  send(2, start);
  send(3, both);
  send(2);
  assert.deepEqual([scheduler.pending, scheduler.inFlight], [3, 4]);
  a.answer();
  assert.equal(a.rows, "");
  send(1, end);
  a.answer();
  assert.equal(a.rows, "2s");
  a.answer();
  assert.equal(a.rows, "2");
  a.answer();
  assert.equal(a.rows, "", "3 waits for the END of 2");
  send(2, end);
  a.answer();
  assert.equal(a.rows, "3se");
  a.answer();
  assert.deepEqual([scheduler.pending, scheduler.inFlight, scheduler.sequences], [0, 0, 0]);
});

Deno.test("SequenceScheduler begins another sequence for an id whose END waits in the backlog", () => {
  const { instances: [a], outcomes, send } = setUp(configOf(1, {}));
  send(1, start);
  send(2, start);
  send(2, end);
  send(2);
  assert.match(outcomes[3], /START flag/);
  send(2, start);
  a.answer();
  send(1, end);
  a.answer();
  a.answer();
  assert.equal(a.rows, "2e");
  a.answer();
  assert.equal(a.rows, "2s");
});

Deno.test("SequenceScheduler ends a sequence early whose id is started anew, in its place", () => {
  const { instances: [a], send, warnings, outcomes, scheduler } = setUp(configOf(2, {}));
  send(1, start);
  send(1);
  send(1, start);
  assert.match(warnings[0], /sequence 1 for model 'm' has a conflict.*terminated early/);
  send(1);
  const rows: string[] = [];
  while (a.executions.length > 0) {
    rows.push(a.rows);
    a.answer();
  }
  assert.deepEqual(rows, ["1s", "1", "1s", "1"]);
  // and one that has nothing to do
  send(1, start);
  assert.equal(a.rows, "1s");
  a.answer();
  assert.equal(scheduler.sequences, 1);
  assert.deepEqual(new Set(outcomes), new Set(["ok"]));
});

Deno.test("SequenceScheduler keeps sequences that began anew in the backlog in one place", () => {
  const { instances: [a], send } = setUp(configOf(1, {}));
  send(1, start);
  send(2, start);
  send(3, both);
  send(2, start);
  send(2, end);
  a.answer();
  send(1, end);
  a.answer();
  const rows: string[] = [];
  while (a.executions.length > 0) {
    rows.push(a.rows);
    a.answer();
  }
  assert.deepEqual(rows, ["2s", "2s", "2e", "3se"]);
});

Deno.test("SequenceScheduler counts empty rows as batch size, never as inferences", () => {
  const { instances: [a], clock, send, statistics } = setUp(configOf(4, {}));
  send(1, start);
  send(2, start);
  clock.advance(5);
  a.answer();
  assert.equal(a.rows, "- 2s");
  a.answer();
  assert.deepEqual([...statistics.batches.keys()], [1, 2]);
  assert.deepEqual([statistics.inferenceCount, statistics.executionCount], [2, 2]);
  assert.deepEqual({ ...statistics.queue }, { count: 2, ns: 5e6 });
  assert.deepEqual({ ...statistics.computeInfer }, { count: 2, ns: 4e6 });
});

Deno.test("SequenceScheduler loses nothing when executions end before execute() returns", () => {
  for (const strategyChoice of [undefined, { case: "oldest" as const, value: { maxCandidateSequences: 7 } }]) {
    const { instances: [a], send, outcomes, scheduler } = setUp(configOf(4, { strategyChoice }));
    const execute = a.execute.bind(a);
    a.execute = (execution) => {
      execute(execution);
      a.answer();
    };
    for (let id = 1; id <= 3000; id++) {
      send(id, start);
      send(id);
      send(id, end);
    }
    assert.deepEqual([scheduler.inFlight, scheduler.pending], [0, 0]);
    assert.deepEqual(new Set(outcomes), new Set(["ok"]));
  }
});

Deno.test("SequenceScheduler invents ids for an iterative model and executes requests as often as it asks", () => {
  const { instances: [a], outcomes, send, statistics, scheduler } = setUp(configOf(1, { iterativeSequence: true }));
  send(0);
  send(0);
  assert.equal(a.executions[0].requests[0].sequenceStart, true);
  const id = a.executions[0].requests[0].correlationId;
  a.answer(undefined, [0]);
  assert.equal(a.executions[0].requests[0].correlationId, id, "before the next sequence");
  assert.equal(a.executions[0].requests[0].sequenceStart, false);
  assert.deepEqual([scheduler.pending, scheduler.inFlight], [1, 2]);
  a.answer();
  assert.notEqual(a.executions[0].requests[0].correlationId, id);
  assert.equal(a.executions[0].requests[0].sequenceStart, true);
  a.answer();
  assert.deepEqual(outcomes, ["ok", "ok"]);
  assert.deepEqual({ ...statistics.computeInfer }, { count: 2, ns: 6e6 });
  assert.equal(statistics.executionCount, 3);
  assert.equal(statistics.inferenceCount, 2);
});

Deno.test("SequenceScheduler counts the responses of a decoupled model, over all executions of a request", () => {
  const { instances: [a], send, statistics } = setUp(configOf(1, { iterativeSequence: true }));
  const responses = statistics.responses = new ResponseStatistics();
  send(0);
  a.executions[0].respond(0, { modelName: "m", modelVersion: "1", id: "", outputs: [] });
  a.answer(undefined, [0]);
  a.answer();
  send(0);
  a.answer(new Status("INTERNAL", "broken"));
  assert.deepEqual(
    responses.positions.map(({ success, fail, emptyResponse }) => [success.count, fail.count, emptyResponse.count]),
    [[1, 1, 0], [1, 0, 0], [0, 0, 1]],
  );
});

Deno.test("SequenceScheduler stops repeating a request whose client has gone", () => {
  const { instances: [a], outcomes, send, scheduler } = setUp(configOf(1, { iterativeSequence: true }));
  const abort = new AbortController();
  send(0, { signal: abort.signal });
  a.answer(undefined, [0]);
  abort.abort();
  a.answer(undefined, [0]);
  assert.match(outcomes[0], /^CANCELLED/);
  assert.equal(a.rows, "");
  assert.equal(scheduler.inFlight, 0);
  send(0);
  assert.equal(a.executions.length, 1);
});

Deno.test("SequenceScheduler fails a request that another model asks to execute again", () => {
  const { instances: [a], outcomes, send } = setUp(configOf(1, {}));
  send(1, start);
  a.answer(undefined, [0]);
  assert.match(outcomes[0], /^INTERNAL: model 'm' asked .*iterative_sequence: true/);
});

Deno.test("SequenceScheduler bounds what waits, whatever a configuration says", () => {
  const { outcomes, send, scheduler, statistics } = setUp(configOf(1, {}));
  send(1, start);
  for (let i = 0; i < DEFAULT_QUEUE_SIZE; i++) send(2 + i, start);
  assert.equal(scheduler.pending, DEFAULT_QUEUE_SIZE);
  const last = send(1);
  assert.match(outcomes[last], /^UNAVAILABLE: .*Exceeds maximum queue size: 100000 requests/);
  assert.equal(statistics.failures.REJECTED, 1);
});

Deno.test("SequenceScheduler joins what comes in one turn of the event loop, once requests come together", () => {
  let endTurn: (() => void) | undefined;
  const { instances: [a], outcomes, send } = setUp(configOf(4, {}), { afterTurn: (callback) => endTurn = callback });
  send(1, start);
  a.answer();
  // now and then it looks whether requests come together
  while (!endTurn) {
    send(1);
    assert.equal(a.rows, "1", "one that comes alone does not wait");
    a.answer();
  }
  send(2, start);
  endTurn();
  a.answer();
  const abort = new AbortController();
  send(1);
  send(2);
  send(3, { ...start, signal: abort.signal });
  assert.equal(a.rows, "");
  endTurn();
  assert.equal(a.rows, "1 2 3s");
  send(1);
  const last = send(3, { signal: abort.signal });
  abort.abort();
  endTurn();
  assert.match(outcomes[last], /^CANCELLED/);
  a.answer();
  assert.equal(a.rows, "1 -");
});
