import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type Arrival, Bench, type Settings, singles } from "./testing.ts";

interface Timeline {
  readonly title: string;
  readonly settings: Settings;
  readonly arrivals: readonly Arrival[];
  /** `<ms>: <ids>` of each execution. */
  readonly executions: readonly string[];
  readonly closed?: Readonly<Record<string, number>>;
}

const TIMELINES: readonly Timeline[] = [
  {
    title: "runs a lone request at once, and then together what came meanwhile",
    settings: { executeMs: 150 },
    arrivals: singles(0, 30, 60, 90, 120, 149),
    executions: ["0: a", "150: b c d e f"],
    closed: { idle: 2 },
  },
  {
    title: "keeps what does not fit into a batch for the next one",
    settings: { max: 2, executeMs: 100 },
    arrivals: singles(0, 1, 2, 3, 4, 5),
    executions: ["0: a", "100: b c", "200: d e", "300: f"],
    closed: { idle: 2, full: 2 },
  },
  {
    title: "sends preferred sizes at once and the rest when its delay is over",
    settings: { preferred: [2, 4], delayMs: 400, executeMs: 1 },
    arrivals: singles(0, 60, 120),
    executions: ["60: a b", "520: c"],
    closed: { preferred: 1, delay: 1 },
  },
  {
    title: "counts rows, not requests, towards a preferred size",
    settings: { preferred: [2, 4], delayMs: 400, executeMs: 1 },
    arrivals: [{ at: 0, id: "a", rows: 3 }, { at: 50, id: "b" }],
    executions: ["50: a b"],
    closed: { preferred: 1 },
  },
  {
    title: "lets a request above the preferred sizes go alone",
    settings: { preferred: [2, 4], delayMs: 400, executeMs: 1 },
    arrivals: [{ at: 0, id: "a", rows: 5 }, { at: 50, id: "b" }],
    executions: ["0: a", "450: b"],
  },
  {
    title: "fills a batch before its delay is over",
    settings: { max: 4, delayMs: 100, executeMs: 1 },
    arrivals: singles(0, 10, 20, 30),
    executions: ["30: a b c d"],
    closed: { full: 1 },
  },
  {
    title: "lets a batch grow until an instance takes it",
    settings: { delayMs: 10, executeMs: 100 },
    arrivals: singles(0, 20, 50, 105),
    executions: ["10: a", "110: b c d"],
  },
  {
    title: "merges batches that waited longer than the delay when an instance takes the first",
    settings: { preferred: [2], delayMs: 10, executeMs: 100 },
    arrivals: singles(0, 1, 20, 21, 22, 23, 95, 96),
    executions: ["1: a b", "101: c d e f", "201: g h"],
  },
  {
    title: "merges nothing without a delay",
    settings: { preferred: [2], executeMs: 100 },
    arrivals: singles(0, 20, 21, 22, 23),
    executions: ["0: a", "100: b c", "200: d e"],
    closed: { idle: 1, preferred: 2 },
  },
  {
    title: "never merges past max_batch_size",
    settings: { max: 3, preferred: [2], delayMs: 10, executeMs: 100 },
    arrivals: singles(0, 1, 20, 21, 22, 23),
    executions: ["1: a b", "101: c d", "201: e f"],
  },
  {
    title: "runs requests of different shapes apart, in order",
    settings: { executeMs: 100 },
    arrivals: singles(0, 1, 2, 3, 4).map((each, i) => ({ ...each, shape: i === 3 ? "wide" : "narrow" })),
    executions: ["0: a", "100: b c", "200: d", "300: e"],
    closed: { idle: 2, shape: 2 },
  },
  {
    title: "does not wait out the delay when a request of another shape comes",
    settings: { delayMs: 100, executeMs: 10 },
    arrivals: [{ at: 0, id: "a", shape: "x" }, { at: 20, id: "b", shape: "y" }],
    executions: ["20: a", "120: b"],
    closed: { shape: 1, delay: 1 },
  },
  {
    title: "spreads batches over instances",
    settings: { instances: 2, max: 2, executeMs: 100 },
    arrivals: singles(0, 1, 2, 3, 4, 5),
    executions: ["0: a", "1: b", "100: c d", "101: e f"],
  },
  {
    title: "runs priorities in order, requests without one at the default level",
    settings: { max: 1, levels: 3, defaultLevel: 2, executeMs: 250 },
    arrivals: [
      { at: 0, id: "a" },
      { at: 50, id: "b", priority: 3 },
      { at: 100, id: "c", priority: 2 },
      { at: 120, id: "d", priority: 1 },
      { at: 140, id: "e" },
    ],
    executions: ["0: a", "250: d", "500: c", "750: e", "1000: b"],
  },
  {
    title: "takes a priority above the levels for the default",
    settings: { max: 1, levels: 3, defaultLevel: 2, executeMs: 250 },
    arrivals: [
      { at: 0, id: "a" },
      { at: 50, id: "b", priority: 9 },
      { at: 100, id: "c", priority: 3 },
      { at: 120, id: "d", priority: 2 },
    ],
    executions: ["0: a", "250: b", "500: d", "750: c"],
  },
  {
    title: "puts a more urgent request into a batch that waits for its delay",
    settings: { max: 2, levels: 2, defaultLevel: 2, delayMs: 100, executeMs: 10 },
    arrivals: [{ at: 0, id: "a" }, { at: 50, id: "b", priority: 1 }],
    executions: ["50: b a"],
  },
  {
    title: "runs a request whose time is up after those in time with the action DELAY",
    settings: { max: 1, executeMs: 400, policy: { timeoutAction: "DELAY", defaultTimeoutMs: 100 } },
    arrivals: [{ at: 0, id: "a" }, { at: 30, id: "b" }, { at: 350, id: "c" }],
    executions: ["0: a", "400: c", "800: b"],
  },
  {
    title: "keeps delayed requests of an urgent level before those of the next",
    settings: {
      max: 1,
      levels: 2,
      defaultLevel: 2,
      executeMs: 400,
      policies: { 1: { timeoutAction: "DELAY", defaultTimeoutMs: 100 } },
    },
    arrivals: [{ at: 0, id: "a" }, { at: 30, id: "b", priority: 1 }, { at: 350, id: "c" }],
    executions: ["0: a", "400: b", "800: c"],
  },
  {
    title: "holds everything back until so many requests wait for the first time",
    settings: { startAfter: 3, executeMs: 10 },
    arrivals: singles(0, 100, 200, 300),
    executions: ["200: a b c", "300: d"],
  },
  {
    title: "batches one by one where the model has no batch dimension",
    settings: { max: 1, executeMs: 10 },
    arrivals: singles(0, 1, 2),
    executions: ["0: a", "10: b", "20: c"],
  },
];

for (const { title, settings, arrivals, executions, closed } of TIMELINES) {
  Deno.test(`DynamicScheduler ${title}`, () => {
    const bench = new Bench(settings).run(arrivals);
    deepEqual(bench.executions, executions);
    if (closed) deepEqual(bench.closed, closed);
    deepEqual([bench.scheduler.inFlight, bench.scheduler.pending], [0, 0]);
    equal(bench.statistics.success.count, arrivals.length);
  });
}

Deno.test("DynamicScheduler rejects at once, naming the limit, when the queue is full", () => {
  const bench = new Bench({ max: 1, executeMs: 500, policy: { maxQueueSize: 2 } }).run(singles(0, 30, 60, 90, 120));
  deepEqual(bench.executions, ["0: a", "500: b", "1000: c"]);
  equal(bench.answers.length, 5);
  match(bench.answers[0], /^90: d UNAVAILABLE \[request id: d\] Exceeds maximum queue size: 2 requests are waiting/);
  match(bench.answers[1], /^120: e UNAVAILABLE/);
  equal(bench.statistics.failures.REJECTED, 2);
});

Deno.test("DynamicScheduler limits each level's queue by its own policy", () => {
  const bench = new Bench({
    max: 1,
    levels: 2,
    defaultLevel: 2,
    executeMs: 500,
    policies: { 1: { maxQueueSize: 1 } },
  }).run([
    { at: 0, id: "a" },
    { at: 1, id: "b", priority: 1 },
    { at: 2, id: "c", priority: 1 },
    { at: 3, id: "d", priority: 2 },
  ]);
  deepEqual(bench.executions, ["0: a", "500: b", "1000: d"]);
  match(bench.answers[0], /^2: c UNAVAILABLE .*: 1 requests/);
});

Deno.test("DynamicScheduler counts delayed requests towards the queue's size", () => {
  const policy = { timeoutAction: "DELAY", defaultTimeoutMs: 10, maxQueueSize: 1 } as const;
  const bench = new Bench({ max: 1, executeMs: 100, policy }).run(singles(0, 1, 50));
  match(bench.answers[0], /^50: c UNAVAILABLE/);
  deepEqual(bench.executions, ["0: a", "100: b"]);
});

Deno.test("DynamicScheduler rejects a request when its timeout is over and the action is REJECT", () => {
  const bench = new Bench({ max: 1, executeMs: 400, policy: { defaultTimeoutMs: 100 } }).run(singles(0, 30));
  deepEqual(bench.executions, ["0: a"]);
  equal(bench.answers[0], "130: b UNAVAILABLE Request timeout expired: it waited 100 ms in the queue of model 'm'");
  equal(bench.statistics.failures.REJECTED, 1);
  equal(bench.scheduler.inFlight, 0);
});

Deno.test("DynamicScheduler lets a request ask for a shorter timeout, not for a longer one, where that is allowed", () => {
  const arrivals = [
    { at: 0, id: "a" },
    { at: 10, id: "b", timeoutMs: 500 },
    { at: 10, id: "c", timeoutMs: 20 },
    { at: 10, id: "d", timeoutMs: 200 },
  ];
  const times = (allowTimeoutOverride: boolean) => {
    const policy = { defaultTimeoutMs: 300, allowTimeoutOverride };
    return new Bench({ max: 1, executeMs: 1000, policy }).run(arrivals).answers.map((each) =>
      each.split(" ", 2).join(" ")
    );
  };
  deepEqual(times(true), ["30: c", "210: d", "310: b", "1000: a"]);
  deepEqual(times(false), ["310: b", "310: c", "310: d", "1000: a"]);
});

Deno.test("DynamicScheduler rejects what waits for its delay when its timeout comes first", () => {
  const bench = new Bench({ delayMs: 1000, policy: { defaultTimeoutMs: 50 } }).run(singles(0));
  match(bench.answers[0], /^50: a UNAVAILABLE/);
  deepEqual(bench.executions, []);
});

for (const prefetch of [true, false]) {
  Deno.test(`DynamicScheduler never runs a cancelled request when it waits ${prefetch ? "in a batch" : "in the queue"}`, () => {
    const abort = new AbortController();
    const bench = new Bench({ prefetch, executeMs: 100 });
    bench.clock.after(50, () => {
      abort.abort();
      equal(bench.scheduler.pending, 2);
    });
    bench.run(singles(0, 10, 20, 30).map((each) => each.id === "c" ? { ...each, signal: abort.signal } : each));
    deepEqual(bench.executions, ["0: a", "100: b d"]);
    match(bench.answers[0], /^50: c CANCELLED/);
    equal(bench.statistics.failures.CANCELED, 1);
    deepEqual([bench.scheduler.inFlight, bench.scheduler.pending], [0, 0]);
  });
}

Deno.test("DynamicScheduler forgets a batch when all of its requests are cancelled", () => {
  const abort = new AbortController();
  const bench = new Bench({ executeMs: 100 });
  bench.clock.after(50, () => abort.abort());
  bench.run([{ at: 0, id: "a" }, { at: 10, id: "b", signal: abort.signal }, { at: 200, id: "c" }]);
  deepEqual(bench.executions, ["0: a", "200: c"]);
});

Deno.test("DynamicScheduler does not run a request that was cancelled before it came", () => {
  const bench = new Bench({ executeMs: 100 }).run([{ at: 0, id: "a" }, {
    at: 1,
    id: "b",
    signal: AbortSignal.abort(),
  }]);
  deepEqual(bench.executions, ["0: a"]);
});

Deno.test("DynamicScheduler answers in the order of the requests when it preserves ordering", () => {
  const settings = { max: 1, instances: 2, executeMs: 0 };
  const answers = (preserveOrdering: boolean) => {
    const bench = new Bench({ ...settings, preserveOrdering });
    const [slow] = bench.instances;
    const execute = slow.execute.bind(slow);
    slow.execute = (execution) => bench.clock.after(100, () => execute(execution));
    return bench.run(singles(0, 10, 20)).answers;
  };
  deepEqual(answers(false), ["10: b", "20: c", "100: a"]);
  deepEqual(answers(true), ["100: a", "100: b", "100: c"]);
});

Deno.test("DynamicScheduler waits for an instance that restarts", () => {
  const bench = new Bench({ executeMs: 10 });
  const [instance] = bench.instances;
  instance.available = false;
  bench.clock.after(100, () => {
    instance.available = true;
    instance.onAvailable();
  });
  bench.run(singles(0, 1));
  deepEqual(bench.executions, ["100: a b"]);
});

Deno.test("DynamicScheduler refuses new work once stopped, and does not wait for what will not come", () => {
  const bench = new Bench({ delayMs: 1000, executeMs: 10 });
  bench.clock.after(100, () => bench.scheduler.stop());
  bench.run(singles(0, 50, 200));
  deepEqual(bench.executions, ["100: a b"]);
  deepEqual(bench.closed, { end: 1 });
  match(bench.answers[2], /^200: c UNAVAILABLE Server is stopping/);
});

Deno.test("DynamicScheduler loses no request when executions end before execute() returns and answers bring requests", () => {
  const bench = new Bench({ executeMs: 0, max: 4 });
  let left = 2000;
  const again = () => {
    if (left-- > 0) bench.enqueue({ id: "x" }, again);
  };
  for (let i = 0; i < 8; i++) again();
  equal(bench.answers.length, 2000);
  equal(bench.scheduler.inFlight, 0);
});

Deno.test("DynamicScheduler runs the requests of a turn together once requests come together", () => {
  const turns: (() => void)[] = [];
  const bench = new Bench({ executeMs: 0, afterTurn: (end) => turns.push(end) });
  const turn = (...ids: string[]) => {
    for (const id of ids) bench.enqueue({ id });
    for (const end of turns.splice(0)) end();
  };
  for (let i = 0; i < 16; i++) turn("a", "b", "c");
  deepEqual(bench.executions.slice(-2), ["0: a b c", "0: a b c"]);
  for (let i = 0; i < 16; i++) turn("d");
  bench.enqueue({ id: "e" });
  equal(bench.executions.at(-1), "0: e");
});

Deno.test("DynamicScheduler does not wait for the end of a turn when a batch is full", () => {
  const turns: (() => void)[] = [];
  const bench = new Bench({ executeMs: 0, max: 2, afterTurn: (end) => turns.push(end) });
  for (let i = 0; i < 8; i++) {
    for (const id of ["a", "b", "c"]) bench.enqueue({ id });
    for (const end of turns.splice(0)) end();
  }
  const before = bench.executions.length;
  for (const id of ["d", "e", "f"]) bench.enqueue({ id });
  deepEqual(bench.executions.slice(before), ["0: d e"]);
  for (const end of turns.splice(0)) end();
  deepEqual(bench.executions.slice(before), ["0: d e", "0: f"]);
});

Deno.test("DynamicScheduler looks at each request equally often however many wait", () => {
  const readsPerRequest = (count: number) => {
    const bench = new Bench({ executeMs: 1 });
    let reads = 0;
    const { enqueue } = bench.scheduler;
    bench.scheduler.enqueue = (request, sink) => {
      Object.defineProperty(request, "batchSize", { get: () => (reads++, 1) });
      enqueue.call(bench.scheduler, request, sink);
    };
    for (let i = 0; i < count; i++) bench.enqueue({ id: "x" });
    bench.clock.advance(count);
    equal(bench.answers.length, count);
    return reads / count;
  };
  const few = readsPerRequest(100);
  const many = readsPerRequest(10_000);
  ok(many <= few + 1, `${few} reads per request with 100, ${many} with 10,000`);
});

Deno.test("DynamicScheduler bounds all that waits together where no policy says how much may", () => {
  const bench = new Bench({ max: 1, executeMs: 500, levels: 2, defaultLevel: 2, maxQueueSize: 2 });
  bench.run([1, 2, 1, 2].map((priority, at) => ({ at, id: `r${at}`, priority })));
  match(bench.answers[0], /^3: r3 UNAVAILABLE .*size: 2 requests are waiting for model 'm', .*option --max-queue-size/);
});

Deno.test("DynamicScheduler lets a level with its own limit go beyond the one for all", () => {
  const policies = { 1: { maxQueueSize: 3 } };
  const bench = new Bench({ max: 1, executeMs: 500, levels: 2, defaultLevel: 2, maxQueueSize: 1, policies });
  bench.run([1, 1, 1, 1, 1, 2].map((priority, at) => ({ at, id: `r${at}`, priority })));
  match(bench.answers[0], /^4: r4 .*size: 3 .*'max_queue_size' in the model's queue policy/);
  match(bench.answers[1], /^5: r5 .*size: 1 .*option --max-queue-size/);
});
