/** How requests leave the dynamic batcher other than by being executed, and what is left then. */
import { deepEqual, equal, match } from "node:assert/strict";
import type { InferenceRequest } from "../../core/inference.ts";
import { Bench, singles } from "./testing.ts";

Deno.test("DynamicScheduler keeps shapes apart in a batch when all that it had before were cancelled", () => {
  const abort = new AbortController();
  const bench = new Bench({ max: 2, executeMs: 100 });
  bench.clock.after(50, () => abort.abort());
  bench.run([
    { at: 0, id: "a" },
    { at: 1, id: "b", shape: "x" },
    { at: 2, id: "c", shape: "x" },
    { at: 3, id: "gone", shape: "x", signal: abort.signal },
    { at: 60, id: "d", shape: "y" },
    { at: 61, id: "e", shape: "x" },
  ]);
  deepEqual(bench.executions, ["0: a", "100: b c", "200: d", "300: e"]);
});

Deno.test("DynamicScheduler does not run a request that was cancelled before it came when an instance is idle", () => {
  const bench = new Bench({}).run([{ at: 0, id: "a", signal: AbortSignal.abort() }]);
  deepEqual([bench.executions, bench.scheduler.inFlight], [[], 0]);
  match(bench.answers[0], /^0: a CANCELLED/);
});

Deno.test("DynamicScheduler never runs a request that is cancelled in the turn in which it came", () => {
  const turns: (() => void)[] = [];
  const bench = new Bench({ executeMs: 0, afterTurn: (end) => turns.push(end) });
  const turn = (...requests: { id: string; signal?: AbortSignal }[]) => {
    for (const request of requests) bench.enqueue(request);
  };
  const end = () => turns.splice(0).forEach((each) => each());
  for (let i = 0; i < 16; i++) {
    turn({ id: "a" }, { id: "a" }, { id: "a" });
    end();
  }
  const abort = new AbortController();
  turn({ id: "c", signal: abort.signal }, { id: "d" });
  abort.abort();
  end();
  equal(bench.executions.at(-1), "0: d");
  equal(bench.statistics.failures.CANCELED, 1);
});

Deno.test("DynamicScheduler survives an answer that cancels others of the batch that is about to execute", () => {
  const aborts = [new AbortController(), new AbortController()];
  const turns: (() => void)[] = [];
  const bench = new Bench({ executeMs: 10, afterTurn: (end) => turns.push(end) });
  for (let i = 0; i < 16; i++) {
    for (const id of ["w", "w", "w"]) bench.enqueue({ id });
    turns.splice(0).forEach((end) => end());
    bench.clock.advance(20);
  }
  bench.enqueue({ id: "b", signal: aborts[0].signal }, () => aborts[1].abort());
  bench.enqueue({ id: "c", signal: aborts[1].signal });
  aborts[0].abort();
  turns.splice(0).forEach((end) => end());
  equal(bench.statistics.failures.CANCELED, 2);
  deepEqual([bench.scheduler.inFlight, bench.scheduler.pending], [0, 0]);
});

Deno.test("DynamicScheduler listens no longer to the signal of a request that executes", () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
  const bench = new Bench({ max: 2, executeMs: 10 });
  bench.clock.after(5, () => equal(listeners, 4));
  bench.run(singles(0, 1, 2, 3, 4).map((each) => ({ ...each, signal })));
  equal(bench.answers.length, 5);
  equal(listeners, 0);
});

Deno.test("DynamicScheduler refuses and rejects at once when it preserves ordering", () => {
  const policy = { maxQueueSize: 1, defaultTimeoutMs: 100 };
  const bench = new Bench({ max: 1, executeMs: 500, preserveOrdering: true, policy }).run(singles(0, 10, 20));
  deepEqual(bench.answers.map((each) => each.split(" ", 3).join(" ")), [
    "20: c UNAVAILABLE",
    "110: b UNAVAILABLE",
    "500: a",
  ]);
});

Deno.test("DynamicScheduler waits for no delay from when it is to hurry, and takes requests as before", () => {
  const bench = new Bench({ delayMs: 1000, executeMs: 10 });
  bench.clock.after(100, () => bench.scheduler.hurry());
  bench.run(singles(0, 50, 200));
  deepEqual(bench.executions, ["100: a b", "200: c"]);
  deepEqual(bench.closed, { end: 2 });
});

Deno.test("DynamicScheduler holds nothing back for the first full queue when it is to hurry", () => {
  const bench = new Bench({ startAfter: 3, executeMs: 10 });
  bench.clock.after(100, () => bench.scheduler.hurry());
  deepEqual(bench.run(singles(0)).executions, ["100: a"]);
});

Deno.test("DynamicScheduler leaves no timer behind when it is stopped", () => {
  for (const stopAt of [5, 50]) {
    const bench = new Bench({ max: 1, executeMs: 10, policy: { defaultTimeoutMs: 3_600_000 } });
    let timers = 0;
    const after = bench.clock.after.bind(bench.clock);
    bench.clock.after = (ms, callback) => {
      timers++;
      const cancel = after(ms, () => {
        timers--;
        callback();
      });
      return () => {
        timers--;
        cancel();
      };
    };
    bench.enqueue({ id: "a" });
    bench.enqueue({ id: "b" });
    after(stopAt, () => bench.scheduler.stop());
    bench.clock.advance(100);
    equal(bench.answers.length, 2);
    equal(timers, 0, `stopped after ${stopAt} ms`);
  }
});

Deno.test("DynamicScheduler counts a timeout from when the request began to wait", () => {
  const bench = new Bench({ max: 1, executeMs: 500, policy: { defaultTimeoutMs: 100 } });
  const { enqueue } = bench.scheduler;
  bench.enqueue({ id: "a" });
  bench.clock.advance(50);
  bench.scheduler.enqueue = (request: InferenceRequest, sink) => enqueue.call(bench.scheduler, request, sink, 30);
  bench.enqueue({ id: "b" });
  bench.clock.advance(1000);
  match(bench.answers[0], /^130: b UNAVAILABLE .* waited 100 ms/);
});

Deno.test("DynamicScheduler keeps no cancelled request in a batch that waits", () => {
  const bench = new Bench({ executeMs: 1e6 });
  for (const id of ["executes", "waits"]) bench.enqueue({ id });
  let reads = 0;
  const { enqueue } = bench.scheduler;
  bench.scheduler.enqueue = (request, sink) => {
    const { signal } = request;
    Object.defineProperty(request, "signal", { get: () => (reads++, signal) });
    enqueue.call(bench.scheduler, request, sink);
  };
  for (let i = 0; i < 100; i++) {
    const abort = new AbortController();
    bench.enqueue({ id: "gone", signal: abort.signal });
    abort.abort();
  }
  equal(bench.statistics.failures.CANCELED, 100);
  reads = 0;
  bench.clock.advance(1e6);
  equal(bench.executions.at(-1), "1000000: waits");
  equal(reads, 0, "requests that had gone were looked at");
});
