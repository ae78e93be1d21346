import assert from "node:assert/strict";
import { ManualClock } from "../../core/clock.ts";
import { queueTimeout } from "../../core/errors/scheduler.ts";
import { InferenceRequest, type InferenceResponse, type ResponseSink } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { Status } from "../../core/status.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import type { Scheduler } from "../scheduler.ts";
import { CachingScheduler } from "./caching_scheduler.ts";
import { LocalCache } from "./local_cache.ts";
import type { CachedResponse, Insertion, ResponseCache } from "./response_cache.ts";

/** A model's scheduler that answers when told to. */
class FakeScheduler implements Scheduler {
  readonly waiting: { request: InferenceRequest; sink: ResponseSink; since?: number }[] = [];
  enqueued = 0;
  hurried = false;
  stopped = false;
  get inFlight() {
    return this.waiting.length;
  }
  get pending() {
    return this.waiting.length;
  }
  enqueue(request: InferenceRequest, sink: ResponseSink, since?: number): void {
    this.enqueued++;
    this.waiting.push({ request, sink, since });
  }
  hurry(): void {
    this.hurried = true;
  }
  stop(): void {
    this.stopped = true;
  }
  answer(value: number, responses = 1): void {
    const { request, sink } = this.waiting.shift()!;
    const data = new Uint8Array([value]);
    const outputs = [{ name: "O", datatype: "UINT8", shape: [1], data } as const];
    for (let i = 0; i < responses; i++) sink.respond({ modelName: "m", modelVersion: "1", id: request.id, outputs });
    sink.finish();
  }
  fail(error: Status): void {
    this.waiting.shift()!.sink.finish(error);
  }
}

/** A cache that answers lookups when told to. */
class SlowCache implements ResponseCache {
  readonly shared = true;
  readonly statistics = undefined;
  readonly lookups: ((response: CachedResponse | undefined) => void)[] = [];
  readonly inserted: string[] = [];
  lookup(): Promise<CachedResponse | undefined> {
    return new Promise((resolve) => this.lookups.push(resolve));
  }
  insert(key: string): Insertion {
    this.inserted.push(key);
    return "kept";
  }
  joined(): void {}
  forget(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(cache: ResponseCache = new LocalCache(1 << 20), maxQueueSize?: number) {
  const inner = new FakeScheduler();
  const statistics = new ModelStatistics();
  const clock = new ManualClock();
  const errors: string[] = [];
  const log = { verbose() {}, info() {}, warning() {}, error: (text: string) => void errors.push(text) };
  const state = { epoch: "1" as string | undefined };
  const epoch = () => state.epoch;
  const parts = { inner, cache, epoch, statistics, log, clock, maxQueueSize };
  const scheduler = new CachingScheduler({ modelName: "m", modelVersion: "1", outputs: 1, ...parts });
  const send = (id: string, value: number, change: Partial<InferenceRequest> = {}) => {
    const request = new InferenceRequest("m", "");
    request.inputs = [{ name: "I", datatype: "UINT8", shape: [1], data: new Uint8Array([value]) }];
    request.receivedAt = clock.now();
    const sink = new UnaryResponse();
    scheduler.enqueue(Object.assign(request, { id }, change), sink);
    return sink.promise;
  };
  return { inner, statistics, clock, errors, state, scheduler, send };
}

const brief = ({ id, outputs }: InferenceResponse) => [id, outputs[0].data[0]];
const microtasks = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("CachingScheduler answers the same request again from the cache, with its own id", async () => {
  const { inner, statistics, clock, send } = setUp();
  const first = send("a", 5);
  clock.advance(10);
  inner.answer(50);
  assert.deepEqual(brief(await first), ["a", 50]);
  assert.deepEqual(brief(await send("b", 5)), ["b", 50]);
  assert.equal(inner.enqueued, 1);
  const { success, queue, cacheHit, cacheMiss, inferenceCount, executionCount } = statistics;
  // The model's own scheduler counts the first.
  assert.deepEqual([success.count, queue.count, cacheHit.count, cacheMiss.count], [1, 1, 1, 1]);
  assert.deepEqual([inferenceCount, executionCount], [0, 0]);
});

Deno.test("CachingScheduler executes requests that differ", async () => {
  const { inner, send } = setUp();
  const answers = [send("a", 1), send("b", 2), send("c", 1, { outputs: ["O", "P"] })];
  assert.equal(inner.enqueued, 3);
  for (const value of [10, 20, 30]) inner.answer(value);
  assert.deepEqual((await Promise.all(answers)).map(brief), [["a", 10], ["b", 20], ["c", 30]]);
});

Deno.test("CachingScheduler executes one of several equal requests, and the others get its response", async () => {
  const { inner, statistics, clock, scheduler, send } = setUp();
  const answers = ["a", "b", "c"].map((id) => send(id, 5));
  assert.deepEqual([inner.enqueued, scheduler.inFlight, scheduler.pending], [1, 3, 3]);
  clock.advance(8);
  inner.answer(50);
  assert.deepEqual((await Promise.all(answers)).map(brief), [["a", 50], ["b", 50], ["c", 50]]);
  assert.deepEqual([scheduler.inFlight, scheduler.pending], [0, 0]);
  assert.deepEqual({ ...statistics.cacheHit }, { count: 2, ns: 0 });
  assert.deepEqual({ ...statistics.queue }, { count: 2, ns: 16e6 });
});

Deno.test("CachingScheduler lets equal requests of another priority or timeout execute by themselves", () => {
  const { inner, send } = setUp();
  send("a", 5);
  send("b", 5, { priority: 1 });
  send("c", 5, { timeoutMicros: 100 });
  send("d", 5, { priority: 1 });
  assert.equal(inner.enqueued, 3);
});

Deno.test("CachingScheduler keeps no failures, and gives the one to all that waited", async () => {
  const { inner, statistics, send } = setUp();
  const answers = [send("a", 5), send("b", 5)];
  inner.fail(new Status("INTERNAL", "broken"));
  for (const answer of answers) await assert.rejects(answer, { message: "broken" });
  assert.equal(statistics.failures.BACKEND, 1);
  assert.equal(statistics.cacheMiss.count, 0);
  const again = send("c", 5);
  inner.answer(50);
  assert.deepEqual(brief(await again), ["c", 50]);
});

Deno.test("CachingScheduler executes the next request when the first is cancelled", async () => {
  const { inner, send } = setUp();
  const [first, second, third] = ["a", "b", "c"].map((id) => send(id, 5));
  inner.fail(new Status("CANCELLED", "gone"));
  await assert.rejects(first, { message: "gone" });
  await microtasks();
  assert.deepEqual([inner.enqueued, inner.waiting[0].request.id], [2, "b"]);
  inner.answer(50);
  assert.deepEqual((await Promise.all([second, third])).map(brief), [["b", 50], ["c", 50]]);
});

Deno.test("CachingScheduler lets a request that waits be cancelled", async () => {
  const { inner, statistics, scheduler, send } = setUp();
  const abort = new AbortController();
  const first = send("a", 5);
  const second = send("b", 5, { signal: abort.signal });
  abort.abort();
  await assert.rejects(second, (error: Status) => error.code === "CANCELLED");
  assert.deepEqual([scheduler.inFlight, statistics.failures.CANCELED], [1, 1]);
  inner.answer(50);
  assert.deepEqual(brief(await first), ["a", 50]);
});

Deno.test("CachingScheduler survives 20,000 requests of which all but the last are cancelled", async () => {
  const { inner, scheduler, send } = setUp();
  const first = send("first", 5);
  const aborts = Array.from({ length: 20_000 }, () => new AbortController());
  const cancelled = aborts.map(({ signal }, i) => send(String(i), 5, { signal }));
  const last = send("last", 5);
  for (const abort of aborts) abort.abort();
  inner.fail(new Status("CANCELLED", "gone"));
  const outcomes = await Promise.allSettled([first, ...cancelled]);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  await microtasks();
  inner.answer(50);
  assert.deepEqual(brief(await last), ["last", 50]);
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("CachingScheduler keeps nothing but single responses", async () => {
  const { inner, send } = setUp();
  const first = send("a", 5);
  inner.answer(50, 2);
  await assert.rejects(first);
  send("b", 5);
  assert.equal(inner.enqueued, 2);
});

Deno.test("CachingScheduler asks for a new response when the model was replaced", async () => {
  const { inner, state, send } = setUp();
  const first = send("a", 5);
  inner.answer(50);
  await first;
  state.epoch = "2";
  const second = send("b", 5);
  inner.answer(51);
  assert.deepEqual(brief(await second), ["b", 51]);
  state.epoch = undefined;
  send("c", 5);
  assert.equal(inner.enqueued, 3);
});

Deno.test("CachingScheduler does not keep a response during which the model was replaced", async () => {
  const { inner, state, send } = setUp();
  const first = send("a", 5);
  state.epoch = "2";
  inner.answer(50);
  await first;
  state.epoch = "1";
  send("b", 5);
  assert.equal(inner.enqueued, 2);
});

Deno.test("CachingScheduler says once that responses are too large for the cache", async () => {
  const { inner, errors, send } = setUp(new LocalCache(100));
  for (const value of [1, 2]) {
    const answer = send("a", value);
    inner.answer(value);
    await answer;
  }
  assert.equal(errors.length, 1);
  assert.match(errors[0], /^m: a response is larger than the whole response cache/);
});

Deno.test("CachingScheduler frees its entries and leaves refusing to the model's scheduler when it is stopped", async () => {
  const cache = new LocalCache(1 << 20);
  const { inner, scheduler, send } = setUp(cache);
  const [first, second] = [send("a", 5), send("b", 6)];
  inner.answer(50);
  await first;
  scheduler.stop();
  assert.deepEqual([inner.stopped, cache.statistics.entries], [true, 0]);
  inner.answer(60);
  await second;
  assert.equal(cache.statistics.entries, 0);
  send("c", 5);
  assert.equal(inner.enqueued, 3);
});

Deno.test("CachingScheduler has requests wait together while a cache is slow to answer", async () => {
  const cache = new SlowCache();
  const { inner, statistics, scheduler, send } = setUp(cache);
  const hits = [send("a", 5), send("b", 5)];
  assert.deepEqual([cache.lookups.length, scheduler.pending, inner.enqueued], [1, 2, 0]);
  cache.lookups[0]({ outputs: [{ name: "O", datatype: "UINT8", shape: [1], data: new Uint8Array([50]) }] });
  assert.deepEqual((await Promise.all(hits)).map(brief), [["a", 50], ["b", 50]]);
  assert.deepEqual([statistics.cacheHit.count, scheduler.inFlight], [2, 0]);

  const misses = [send("c", 6), send("d", 6)];
  cache.lookups[1](undefined);
  await microtasks();
  assert.equal(inner.enqueued, 1);
  inner.answer(60);
  assert.deepEqual((await Promise.all(misses)).map(brief), [["c", 60], ["d", 60]]);
  assert.equal(cache.inserted.length, 1);
});

Deno.test("CachingScheduler forgets a lookup when all who waited for it have gone", async () => {
  const cache = new SlowCache();
  const { inner, scheduler, send } = setUp(cache);
  const abort = new AbortController();
  const gone = send("a", 5, { signal: abort.signal });
  abort.abort();
  await assert.rejects(gone);
  cache.lookups[0](undefined);
  await microtasks();
  assert.deepEqual([inner.enqueued, scheduler.inFlight], [0, 0]);
  send("b", 5);
  assert.equal(cache.lookups.length, 2);
});

Deno.test("CachingScheduler bounds the requests that wait for another one's response, or for the cache", async () => {
  const full = (error: Status) => error.code === "UNAVAILABLE" && /maximum queue size: 2 requests/.test(error.message);
  const { inner, statistics, send, scheduler } = setUp(undefined, 2);
  const answers = ["a", "b", "c"].map((id) => send(id, 5));
  await assert.rejects(send("d", 5), full);
  assert.deepEqual([scheduler.pending, statistics.failures.REJECTED], [3, 1]);
  inner.answer(50);
  await Promise.all(answers);

  const slow = new SlowCache();
  const other = setUp(slow, 2);
  const waiting = [other.send("a", 1), other.send("b", 2)];
  await assert.rejects(other.send("c", 3), full);
  slow.lookups.forEach((answer) => answer(undefined));
  await microtasks();
  other.inner.answer(1);
  other.inner.answer(2);
  assert.equal((await Promise.all(waiting)).length, 2);
});

Deno.test("CachingScheduler executes the next request when the first has waited too long, with the time that it waited", async () => {
  const { inner, clock, send } = setUp();
  const first = send("a", 5);
  clock.advance(90);
  const second = send("b", 5);
  clock.advance(10);
  inner.fail(queueTimeout("m", 100));
  await assert.rejects(first, /waited 100 ms/);
  await microtasks();
  assert.deepEqual([inner.enqueued, inner.waiting[0].request.id, inner.waiting[0].since], [2, "b", 90]);
  inner.answer(50);
  assert.deepEqual(brief(await second), ["b", 50]);
});

Deno.test("CachingScheduler lets no request wait or execute that was cancelled before it came", async () => {
  const { inner, scheduler, statistics, send } = setUp();
  const signal = AbortSignal.abort();
  const cancelled = (error: Status) => error.code === "CANCELLED";
  await assert.rejects(send("a", 5, { signal }), cancelled);
  const executing = send("b", 5);
  await assert.rejects(send("c", 5, { signal }), cancelled);
  assert.deepEqual([inner.enqueued, scheduler.inFlight, statistics.failures.CANCELED], [1, 1, 2]);
  inner.answer(50);
  await executing;
});

Deno.test("CachingScheduler listens no longer to the signals of requests that have their response", async () => {
  const { inner, send } = setUp();
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
  const answers = ["a", "b", "c"].map((id) => send(id, 5, { signal }));
  assert.equal(listeners, 2);
  inner.answer(50);
  await Promise.all(answers);
  assert.equal(listeners, 0);
});

Deno.test("CachingScheduler.hurry() has the model's scheduler hurry", () => {
  const { inner, scheduler } = setUp();
  scheduler.hurry();
  assert.equal(inner.hurried, true);
});
