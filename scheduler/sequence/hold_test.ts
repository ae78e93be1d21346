/** Schedulers that wait before they execute, and those that are to wait no longer. */
import assert from "node:assert/strict";
import { configOf, setUp } from "./testing.ts";

const start = { start: true };
const end = { end: true };
const both = { start: true, end: true };

Deno.test("SequenceScheduler holds everything back until enough is queued and in the backlog", () => {
  const { instances: [a], send } = setUp(configOf(2, {}), { delayUntilQueued: 3, delayUntilBacklogged: 2 });
  send(1, start);
  send(2, start);
  send(3, start);
  send(1);
  assert.equal(a.rows, "");
  send(3, end);
  assert.equal(a.rows, "1s 2s");
  a.answer();
  assert.equal(a.rows, "1 -");
  a.answer();
  send(2, end);
  assert.equal(a.rows, "- 2e", "only the first time");
});

Deno.test("SequenceScheduler holds nothing back for the backlog alone", () => {
  const { instances: [a], send } = setUp(configOf(2, {}), { delayUntilBacklogged: 2 });
  send(1, start);
  assert.equal(a.rows, "1s");
});

Deno.test("SequenceScheduler with the oldest strategy holds back until enough sequences have a request", () => {
  const strategyChoice = { case: "oldest" as const, value: { maxCandidateSequences: 3 } };
  const { instances: [a], send } = setUp(configOf(4, { strategyChoice }), {
    delayUntilQueued: 3,
    delayUntilBacklogged: 2,
  });
  send(1, start);
  send(1);
  send(1);
  send(2, start);
  assert.equal(a.rows, "");
  send(3, start);
  assert.equal(a.rows, "1s 2s 3s");
});

Deno.test("SequenceScheduler waits for no larger batch once it is to hurry", () => {
  const delay = { maxQueueDelayMicroseconds: 1_000_000n };
  for (
    const strategyChoice of [
      { case: "direct" as const, value: { ...delay, minimumSlotUtilization: 1 } },
      { case: "oldest" as const, value: { ...delay, maxCandidateSequences: 4 } },
    ]
  ) {
    const { instances: [a], send, scheduler } = setUp(configOf(4, { strategyChoice }));
    send(1, start);
    assert.equal(a.rows, "");
    scheduler.hurry();
    assert.equal(a.rows, "1s");
    a.answer();
    send(1);
    assert.equal(a.rows, "1");
  }
});

Deno.test("SequenceScheduler holds nothing back once stopped", () => {
  const { instances: [a], send, scheduler } = setUp(configOf(2, {}), { delayUntilQueued: 3 });
  send(1, both);
  assert.equal(a.rows, "");
  scheduler.stop();
  assert.equal(a.rows, "1se");
});
