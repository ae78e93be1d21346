/** What ends sequences before their END: time, clients that go, workers that do. */
import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { configOf, setUp } from "./testing.ts";

const start = { start: true };
const end = { end: true };
const both = { start: true, end: true };

Deno.test("SequenceScheduler expires idle sequences and says so afterwards", () => {
  const { instances: [a], clock, outcomes, send, scheduler } = setUp(configOf(2, {}));
  send(1, start);
  a.answer();
  clock.advance(600);
  send(2, start);
  a.answer();
  clock.advance(300);
  send(1);
  a.answer();
  clock.advance(900);
  assert.equal(scheduler.sequences, 1, "2 was silent for 1200 ms");
  send(2);
  assert.match(
    outcomes[3],
    /^INVALID_ARGUMENT: inference request for sequence 2 to model 'm' must specify the START flag/,
  );
  assert.match(outcomes[3], /sequence 2 expired after 1000000 microseconds .* raise 'max_sequence_idle_microseconds'/);
  send(1);
  a.answer();
  assert.equal(outcomes[4], "ok");
  clock.advance(1000);
  assert.equal(scheduler.sequences, 0);
  send(2, start);
  assert.equal(a.rows, "2s", "and its slot is free");
});

Deno.test("SequenceScheduler does not call a sequence idle while its request executes or waits", () => {
  const { instances: [a], clock, outcomes, send } = setUp(configOf(1, {}));
  send(1, start);
  send(2, start);
  clock.advance(5000);
  a.answer();
  send(1, end);
  clock.advance(5000);
  a.answer();
  a.answer();
  send(2);
  a.answer();
  assert.deepEqual(outcomes, ["ok", "ok", "ok", "ok"]);
});

Deno.test("SequenceScheduler gives the slot of an expired sequence to the backlog", () => {
  const { instances: [a], clock, send } = setUp(configOf(1, {}));
  send(1, start);
  send(2, start);
  a.answer();
  assert.equal(a.rows, "");
  clock.advance(1000);
  assert.equal(a.rows, "2s");
});

Deno.test("SequenceScheduler rejects a sequence in the backlog when the shortest timeout of its requests is over", () => {
  const { instances: [a], clock, outcomes, send, statistics, scheduler } = setUp(configOf(1, {}));
  send(1, { ...start, timeoutMicros: 1000 });
  send(2, start);
  send(2, { timeoutMicros: 300_000 });
  send(2, { timeoutMicros: 400_000 });
  send(3, { ...both, timeoutMicros: 900_000 });
  clock.advance(299);
  assert.deepEqual(outcomes.slice(1, 4), ["", "", ""]);
  clock.advance(1);
  const expired = "UNAVAILABLE: timeout of the corresponding sequence has been expired";
  assert.deepEqual(outcomes.slice(0, 4), ["", expired, expired, expired]);
  assert.equal(statistics.failures.REJECTED, 3);
  send(2);
  assert.match(outcomes[5], /START flag/);
  a.answer();
  send(1, end);
  a.answer();
  assert.equal(a.rows, "3se");
  clock.advance(5000);
  a.answer();
  assert.equal(outcomes[4], "ok", "a sequence with a slot has no timeout");
  assert.deepEqual([scheduler.pending, scheduler.inFlight], [0, 0]);
});

Deno.test("SequenceScheduler cancels a queued sequence as a whole and frees its slot", () => {
  const { instances: [a], outcomes, send, scheduler, statistics } = setUp(configOf(1, {}));
  const abort = new AbortController();
  send(1, start);
  send(1);
  send(1, { signal: abort.signal });
  send(1);
  send(2, start);
  abort.abort();
  assert.deepEqual(outcomes.map((text) => text.split(":")[0]), ["", "CANCELLED", "CANCELLED", "CANCELLED", ""]);
  assert.match(outcomes[1], /an earlier request of its sequence/);
  send(1);
  assert.match(outcomes[5], /START flag/);
  assert.equal(a.rows, "1s");
  a.answer();
  assert.equal(a.rows, "2s");
  assert.equal(statistics.failures.CANCELED, 3);
  assert.deepEqual([scheduler.pending, scheduler.inFlight], [0, 1]);
});

Deno.test("SequenceScheduler takes a cancelled sequence out of the backlog", () => {
  const { instances: [a], outcomes, send } = setUp(configOf(1, {}));
  const abort = new AbortController();
  const aborted = new AbortController();
  aborted.abort();
  send(1, start);
  send(2, { ...start, signal: abort.signal });
  send(3, { ...start, signal: aborted.signal });
  send(4, both);
  abort.abort();
  assert.match(outcomes[1], /^CANCELLED/);
  assert.match(outcomes[2], /^CANCELLED/);
  send(1, end);
  a.answer();
  a.answer();
  assert.equal(a.rows, "4se");
});

Deno.test("SequenceScheduler that is to finish its sequences begins none and still ends those that are silent", () => {
  const { instances: [a], clock, outcomes, send, scheduler } = setUp(configOf(2, {}));
  send(1, start);
  a.answer();
  scheduler.finishSequences();
  send(2, start);
  send(1);
  a.answer();
  assert.match(outcomes[1], /^UNAVAILABLE: .*stopping/);
  assert.deepEqual([outcomes[2], scheduler.sequences], ["ok", 1]);
  clock.advance(1000);
  assert.equal(scheduler.sequences, 0);
});

Deno.test("SequenceScheduler whose sequences end lets those in the backlog run, and frees every slot", () => {
  const { instances: [a], clock, outcomes, send, scheduler } = setUp(configOf(1, {}));
  send(1, start);
  a.answer();
  send(2, start);
  send(2);
  send(3, start);
  assert.equal(a.rows, "", "1 has the slot");
  scheduler.endSequences();
  assert.equal(a.rows, "2s");
  a.answer();
  a.answer();
  assert.equal(a.rows, "3s");
  a.answer();
  assert.deepEqual(outcomes, ["ok", "ok", "ok", "ok"]);
  assert.deepEqual([scheduler.sequences, scheduler.inFlight], [0, 0]);
  clock.advance(5000);
});

Deno.test("SequenceScheduler refuses new sequences once stopped and serves those that go on", () => {
  const { instances: [a], outcomes, send, scheduler, statistics } = setUp(configOf(2, {}));
  send(1, start);
  scheduler.stop();
  send(2, start);
  send(1, start);
  send(1, end);
  send(3);
  a.answer();
  a.answer();
  assert.deepEqual(outcomes.map((text) => text.split(":")[0]), [
    "ok",
    "UNAVAILABLE",
    "UNAVAILABLE",
    "ok",
    "INVALID_ARGUMENT",
  ]);
  assert.equal(statistics.failures.REJECTED, 2);
});

Deno.test("SequenceScheduler goes on after an execution that failed", () => {
  const { instances: [a], outcomes, send, statistics } = setUp(configOf(2, {}));
  send(1, start);
  send(1);
  a.answer(new Status("INTERNAL", "broken"));
  assert.equal(a.rows, "1");
  a.answer();
  assert.deepEqual(outcomes, ["INTERNAL: broken", "ok"]);
  assert.equal(statistics.failures.BACKEND, 1);
  assert.equal(statistics.executionCount, 1);
});

Deno.test("SequenceScheduler ends the sequences whose worker was restarted, and says so", () => {
  const { instances: [a, b], outcomes, send } = setUp(configOf(2, {}), { instances: 2 });
  send(1, start);
  send(2, start);
  b.answer();
  a.available = false;
  a.answer(new Status("UNAVAILABLE", "crashed"));
  send(1);
  send(3, start);
  send(4, both);
  assert.equal(a.rows, "");
  a.available = true;
  a.onAvailable();
  assert.match(outcomes[2], /^UNAVAILABLE: sequence 1 of model 'm' was lost .* Start it again/);
  assert.equal(a.rows, "- 4se", "a sequence that had not begun goes on");
  send(1);
  assert.match(outcomes[5], /^UNAVAILABLE: sequence 1 of model 'm' was lost/);
  assert.equal(b.rows, "- 3s");
  b.answer();
  send(2);
  assert.equal(b.rows, "2 -", "the other worker lives on");
});

Deno.test("SequenceScheduler never executes a request whose client had gone before", () => {
  const { instances: [a], outcomes, send, scheduler } = setUp(configOf(1, {}));
  const signal = AbortSignal.abort();
  send(1, { ...start, signal });
  assert.equal(a.rows, "");
  send(2, start);
  a.answer();
  send(2, { signal });
  assert.equal(a.rows, "");
  assert.deepEqual(outcomes.map((text) => text.split(":")[0]), ["CANCELLED", "ok", "CANCELLED"]);
  assert.deepEqual([scheduler.inFlight, scheduler.sequences], [0, 0]);
  send(3, both);
  assert.equal(a.rows, "3se", "the slot is free");
});

Deno.test("SequenceScheduler listens no longer to a request that executes", () => {
  const { instances: [a], send } = setUp(configOf(1, {}));
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
  send(1, { ...start, signal });
  for (let i = 0; i < 100; i++) send(1, { signal });
  assert.ok(listeners >= 100);
  for (let i = 0; i < 101; i++) a.answer();
  assert.equal(listeners, 0);
});

Deno.test("SequenceScheduler forgets a place in the backlog when all that shared it are cancelled", () => {
  const { instances: [a], outcomes, send, scheduler } = setUp(configOf(1, {}));
  const aborts = [0, 1, 2].map(() => new AbortController());
  send(1, start);
  for (const { signal } of aborts) send(2, { ...start, signal, timeoutMicros: 1000 });
  send(3, both);
  for (const index of [1, 0, 2]) aborts[index].abort();
  assert.deepEqual(outcomes.slice(1, 4).map((text) => text.split(":")[0]), ["CANCELLED", "CANCELLED", "CANCELLED"]);
  assert.deepEqual([scheduler.waitingSequences, scheduler.pending], [1, 1]);
  send(1, end);
  a.answer();
  a.answer();
  assert.equal(a.rows, "3se");
});

Deno.test("SequenceScheduler begins sequences where a worker runs, while there is room", () => {
  const { instances: [a, b], send } = setUp(configOf(2, {}), { instances: 2 });
  a.available = false;
  send(1, start);
  send(2, start);
  assert.deepEqual([a.rows, b.rows], ["", "1s"]);
  b.answer();
  assert.equal(b.rows, "- 2s");
  send(3, start);
  a.available = true;
  a.onAvailable();
  assert.equal(a.rows, "3s");
  send(4, start);
  a.answer();
  assert.equal(a.rows, "- 4s");
});

Deno.test("SequenceScheduler begins sequences on other instances once one is given up", () => {
  const { instances: [a, b], outcomes, send } = setUp(configOf(1, {}), { instances: 2 });
  send(1, start);
  send(2, start);
  a.available = false;
  a.answer(new Status("UNAVAILABLE", "hung"));
  send(3, both);
  send(4, both);
  a.gone = true;
  a.available = true;
  a.onAvailable();
  send(1);
  assert.match(outcomes[4], /^UNAVAILABLE: sequence 1 of model 'm' was lost/);
  assert.equal(a.rows, "", "nobody is sent to what refuses all");
  b.answer();
  send(2, end);
  b.answer();
  assert.equal(b.rows, "3se");
  b.answer();
  assert.equal(b.rows, "4se");
  b.answer();
  send(5, start);
  assert.equal(b.rows, "5s");
  b.available = false;
  b.answer(new Status("UNAVAILABLE", "hung"));
  b.gone = true;
  b.available = true;
  b.onAvailable();
  send(6, start);
  assert.equal(b.rows, "6s", "the last one says why it is gone");
});
