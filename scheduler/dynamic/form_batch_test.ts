import { deepEqual, equal } from "node:assert/strict";
import { type BatchingRules, type Decision, formBatch, type OpenBatch } from "./form_batch.ts";

/** `[rows, age in ms, shape]`; age 0 and no shape if left out. */
type Waiting = readonly [rows: number, age?: number, shape?: string];

const NOW = 1000;

function decide(waiting: readonly Waiting[], rules: Partial<BatchingRules> = {}, open?: OpenBatch, draining = false) {
  const all = { maxBatchSize: 8, preferredSizes: [rules.maxBatchSize ?? 8], delayMs: 0, ...rules };
  let at = 0;
  let looked = 0;
  const walk = {
    next() {
      looked++;
      if (at === waiting.length) return undefined;
      const [rows, age = 0, shapeKey = ""] = waiting[at++];
      return { rows, enqueuedAt: NOW - age, shapeKey };
    },
  };
  return { decision: formBatch(walk, open ?? { rows: 0, shapeKey: "" }, NOW, all, draining), looked };
}

/** `send <count> <reason>[ saturated][ sealed]` or `wait <ms> <rows>`. */
function text(decision: Decision): string {
  if (decision.kind === "wait") return `wait ${decision.until - NOW} ${decision.rows}`;
  const { count, reason, saturate, sealed } = decision;
  return `send ${count} ${reason}${saturate ? " saturated" : ""}${sealed ? " sealed" : ""}`;
}

const ones = (count: number, age = 0): Waiting[] => Array.from({ length: count }, () => [1, age]);
const delayed = { delayMs: 100 };
const sizes = { preferredSizes: [2, 4] };

interface Case {
  readonly title: string;
  readonly waiting: readonly Waiting[];
  readonly rules?: Partial<BatchingRules>;
  readonly open?: OpenBatch;
  readonly draining?: boolean;
  readonly expected: string;
}

const CASES: readonly Case[] = [
  { title: "sends what there is when there is no delay", waiting: ones(3), expected: "send 3 idle" },
  { title: "fills a batch to max_batch_size and closes it", waiting: ones(11), expected: "send 8 full saturated" },
  { title: "leaves out a request that does not fit", waiting: [[5], [4]], expected: "send 1 full saturated" },
  { title: "never splits a request", waiting: [[3], [6], [1]], expected: "send 1 full saturated" },
  { title: "lets the largest request go alone", waiting: [[8], [1]], expected: "send 1 full saturated" },
  {
    title: "closes a batch at another shape",
    waiting: [[1], [1], [1, 0, "x"]],
    expected: "send 2 shape saturated sealed",
  },
  {
    title: "does not look past another shape for one that fits",
    waiting: [[1], [1, 0, "x"], [1]],
    rules: delayed,
    expected: "send 1 shape saturated sealed",
  },
  {
    title: "sends exactly the best preferred size, and closes it, when there is no delay",
    waiting: ones(3),
    rules: sizes,
    expected: "send 2 preferred saturated",
  },
  {
    title: "prefers the largest of the preferred sizes",
    waiting: ones(7),
    rules: sizes,
    expected: "send 4 preferred saturated",
  },
  {
    title: "sends a preferred size before the delay is over, and lets it grow",
    waiting: ones(2),
    rules: { ...sizes, ...delayed },
    expected: "send 2 preferred",
  },
  {
    title: "closes a batch that the next request would take past the largest preferred size",
    waiting: [[3], [2]],
    rules: { preferredSizes: [4], ...delayed },
    expected: "send 1 preferred saturated",
  },
  {
    title: "sends more than the largest preferred size in one request alone",
    waiting: [[5]],
    rules: { ...sizes, ...delayed },
    expected: "send 1 preferred saturated",
  },
  {
    title: "waits for the delay of the oldest, or for the next preferred size",
    waiting: [[1, 30]],
    rules: { ...sizes, ...delayed },
    expected: "wait 70 2",
  },
  {
    title: "waits for max_batch_size without preferred sizes",
    waiting: ones(3, 10),
    rules: delayed,
    expected: "wait 90 8",
  },
  {
    title: "sends all when the oldest has waited long enough",
    waiting: [[1, 100], [1], [1]],
    rules: { ...sizes, ...delayed },
    expected: "send 3 delay",
  },
  {
    title: "sends past the best preferred size when the delay is over",
    waiting: ones(5, 100),
    rules: { ...sizes, ...delayed },
    expected: "send 5 preferred saturated",
  },
  {
    title: "waits for no delay when nothing more comes",
    waiting: ones(1),
    rules: delayed,
    draining: true,
    expected: "send 1 end",
  },
  {
    title: "adds to a batch that waits for an instance until it is full",
    waiting: ones(4),
    open: { rows: 6, shapeKey: "" },
    expected: "send 2 full saturated",
  },
  {
    title: "closes a waiting batch of a preferred size when the next would pass the largest",
    waiting: ones(1),
    rules: { ...sizes, ...delayed },
    open: { rows: 4, shapeKey: "" },
    expected: "send 0 preferred saturated",
  },
  {
    title: "closes a waiting batch at another shape",
    waiting: [[1, 0, "x"]],
    open: { rows: 2, shapeKey: "" },
    expected: "send 0 shape saturated sealed",
  },
  {
    title: "moves requests into a waiting batch of no preferred size without delay",
    waiting: ones(1),
    rules: { preferredSizes: [4], ...delayed },
    open: { rows: 1, shapeKey: "" },
    expected: "send 1 delay",
  },
  {
    title: "waits beside a waiting batch of a preferred size for what makes the next one",
    waiting: ones(1),
    rules: { preferredSizes: [2, 6], ...delayed },
    open: { rows: 2, shapeKey: "" },
    expected: "wait 100 4",
  },
];

for (const { title, waiting, rules, open, draining, expected } of CASES) {
  Deno.test(`formBatch() ${title}`, () => {
    equal(text(decide(waiting, rules, open, draining).decision), expected);
  });
}

Deno.test("formBatch() looks at no more requests than one batch has when ten thousand wait", () => {
  const { decision, looked } = decide(ones(10_000));
  deepEqual([text(decision), looked], ["send 8 full saturated", 8]);
});

Deno.test("formBatch() names the shape it waits with, so that another one is noticed", () => {
  const { decision } = decide([[1, 0, "x"]], delayed);
  equal(decision.kind === "wait" && decision.shapeKey, "x");
});

Deno.test("formBatch() finds the delay over at the time until which it waits, however the sum is rounded", () => {
  for (let i = 1; i < 500; i++) {
    const rules = { maxBatchSize: 8, preferredSizes: [8], delayMs: 0.1 * i };
    const walk = () => {
      const waiting = [{ rows: 1, shapeKey: "", enqueuedAt: 1000 / 3 * i }];
      return { next: () => waiting.pop() };
    };
    const before = formBatch(walk(), { rows: 0, shapeKey: "" }, 1000 / 3 * i, rules);
    if (before.kind !== "wait") throw new Error("does not wait");
    equal(formBatch(walk(), { rows: 0, shapeKey: "" }, before.until, rules).kind, "send");
  }
});
