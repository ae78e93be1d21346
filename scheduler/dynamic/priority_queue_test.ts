import { deepEqual, equal, ok } from "node:assert/strict";
import { InferenceRequest, type ResponseSink } from "../../core/inference.ts";
import type { QueuePolicy } from "./policy_queue.ts";
import { PriorityQueue } from "./priority_queue.ts";
import { QueuedTask } from "./task_list.ts";

const NOBODY: ResponseSink = { respond() {}, finish() {} };

const policy = (more: Partial<QueuePolicy> = {}): QueuePolicy => ({
  timeoutAction: "REJECT",
  defaultTimeoutMs: Infinity,
  allowTimeoutOverride: false,
  maxQueueSize: 1_000_000,
  ...more,
});

function task(id: string, priority = 0, rows = 1, timeoutMs = 0): QueuedTask {
  const request = new InferenceRequest("m", "");
  request.id = id;
  request.priority = priority;
  request.batchSize = rows;
  request.timeoutMicros = timeoutMs * 1000;
  return new QueuedTask(request, NOBODY, 0, "");
}

function setUp(levels: number, defaultPolicy = policy(), policies: Readonly<Record<number, QueuePolicy>> = {}) {
  const own = new Map(Object.entries(policies).map(([level, each]) => [Number(level), each]));
  return new PriorityQueue({ levels, defaultLevel: levels > 0 ? 2 : 0, defaultPolicy, policies: own });
}

function order(queue: PriorityQueue): string {
  const ids: string[] = [];
  const walk = queue.walk();
  for (let each = walk.next(); each; each = walk.next()) ids.push(each.request.id);
  equal(queue.peek()?.request.id, ids[0]);
  equal(queue.length, ids.length);
  return ids.join(" ");
}

Deno.test("PriorityQueue orders by level, then by arrival, and puts unknown levels at the default", () => {
  const queue = setUp(3);
  for (const [id, level] of [["a", 3], ["b", 0], ["c", 1], ["d", 2], ["e", 9], ["f", 1]] as const) {
    queue.push(task(id, level, 2), 0);
  }
  equal(order(queue), "c f b d e a");
  equal(queue.rows, 12);
});

Deno.test("PriorityQueue has one level when there are no priorities", () => {
  const queue = setUp(0);
  for (const [id, level] of [["a", 3], ["b", 0], ["c", 1]] as const) queue.push(task(id, level), 0);
  equal(order(queue), "a b c");
});

Deno.test("PriorityQueue lets requests leave from anywhere", () => {
  const queue = setUp(3);
  const tasks = ["a", "b", "c", "d"].map((id) => task(id));
  for (const each of tasks) queue.push(each, 0);
  queue.remove(tasks[1]);
  equal(order(queue), "a c d");
  queue.remove(tasks[0]);
  queue.remove(tasks[3]);
  equal(order(queue), "c");
  queue.push(tasks[0], 0);
  equal(order(queue), "c a");
});

Deno.test("PriorityQueue rejects or delays what is late, by the policy of its level, soonest first", () => {
  const queue = setUp(2, policy({ defaultTimeoutMs: 100 }), {
    1: policy({ timeoutAction: "DELAY", defaultTimeoutMs: 50 }),
  });
  queue.push(task("a", 2), 0);
  queue.push(task("b", 1), 0);
  queue.push(task("c", 1), 20);
  equal(queue.nextDeadline, 50);
  equal(queue.expireOne(49), undefined);
  equal(queue.expireOne(50), "delayed");
  equal(order(queue), "c b a");
  equal(queue.nextDeadline, 70);
  equal(queue.expireOne(200), "delayed");
  equal(order(queue), "b c a");
  const rejected = queue.expireOne(200);
  ok(rejected instanceof QueuedTask && rejected.request.id === "a");
  deepEqual([queue.expireOne(1e9), queue.nextDeadline], [undefined, Infinity]);
});

Deno.test("PriorityQueue forgets the deadlines of requests that have left", () => {
  const queue = setUp(0, policy({ defaultTimeoutMs: 100 }));
  const first = task("a");
  queue.push(first, 0);
  queue.push(task("b"), 10);
  queue.remove(first);
  equal(queue.nextDeadline, 110);
});

Deno.test("PriorityQueue counts each level's requests against its own limit", () => {
  const queue = setUp(2, policy({ maxQueueSize: 2 }), { 1: policy({ maxQueueSize: 1 }) });
  queue.push(task("a", 1), 0);
  queue.push(task("b", 2), 0);
  deepEqual([1, 2, 0].map((level) => [queue.lengthAt(level), queue.limitOf(level)]), [[1, 1], [1, 2], [1, 2]]);
  queue.push(task("c"), 0);
  deepEqual([queue.lengthAt(2), queue.lengthAt(0)], [2, 2]);
});

Deno.test("PriorityQueue compares a request's deadline a few times however many wait", () => {
  const comparisonsPerRequest = (count: number) => {
    let reads = 0;
    const queue = setUp(0, policy({ defaultTimeoutMs: 1e9, allowTimeoutOverride: true }));
    const tasks = Array.from({ length: count }, (_, i) => {
      // The later a request comes, the sooner its time is up: the worst case for a heap.
      const each = task("x", 0, 1, count - i);
      let deadline = Infinity;
      Object.defineProperty(each, "deadline", { get: () => (reads++, deadline), set: (value) => deadline = value });
      return each;
    });
    for (const each of tasks) queue.push(each, 0);
    for (const each of tasks) {
      queue.remove(each);
      if (queue.length > 0) ok(queue.nextDeadline < Infinity);
    }
    return reads / count;
  };
  const few = comparisonsPerRequest(100);
  const many = comparisonsPerRequest(10_000);
  // log2(10,000) is twice log2(100)
  ok(many <= 2.5 * few, `${few} with 100, ${many} with 10,000`);
});

Deno.test("PriorityQueue keeps no more requests that have left than ones that wait", () => {
  const queue = setUp(0, policy({ defaultTimeoutMs: 1e9 }));
  for (let i = 0; i < 10_000; i++) {
    const each = task("x");
    queue.push(each, i);
    queue.remove(each);
  }
  ok(queue.deadlinesKept <= 65, `${queue.deadlinesKept} kept`);
});

Deno.test("PriorityQueue keeps no request when none waits", () => {
  const queue = setUp(2, policy({ defaultTimeoutMs: 10 }), {
    1: policy({ timeoutAction: "DELAY", defaultTimeoutMs: 5 }),
  });
  const tasks = [task("a", 1), task("b", 2), task("c", 2)];
  for (const each of tasks) queue.push(each, 0);
  equal(queue.expireOne(7), "delayed");
  queue.remove(tasks[2]);
  equal(queue.deadlinesKept, 3);
  equal(queue.expireOne(20), tasks[1]);
  deepEqual([queue.deadlinesKept, queue.nextDeadline, order(queue)], [0, Infinity, "a"]);
});
