/** What a request costs in each scheduler must not grow with the number of requests that wait: work is counted, not timed. */
import assert from "node:assert/strict";
import type { Execution, ModelInstance } from "../backends/backend.ts";
import { ManualClock } from "../core/clock.ts";
import { InferenceRequest, type ResponseSink } from "../core/inference.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { DefaultScheduler } from "./default_scheduler.ts";
import { PriorityQueue } from "./dynamic/priority_queue.ts";
import { DynamicScheduler } from "./dynamic/dynamic_scheduler.ts";
import { TaskList } from "./dynamic/task_list.ts";
import { Fifo } from "./fifo.ts";
import { Heap } from "./heap.ts";
import type { Scheduler } from "./scheduler.ts";
import { sequenceConfigOf } from "./sequence/config.ts";
import { SequenceScheduler } from "./sequence/sequence_scheduler.ts";
import { configOf } from "./sequence/testing.ts";

/** Takes one execution at a time, and keeps it until the test answers. */
class PatientInstance implements ModelInstance {
  readonly name = "m_0";
  readonly group = "g";
  readonly passive = false;
  readonly capacity = 1;
  readonly available = true;
  onAvailable: () => void = () => {};
  current: Execution | undefined;

  execute(execution: Execution): void {
    this.current = execution;
  }

  /** Answers, and again, until no execution is left. */
  drain(): void {
    for (let execution = this.current; execution; execution = this.current) {
      this.current = undefined;
      execution.requests.forEach(({ id }, i) => {
        execution.respond(i, { modelName: "m", modelVersion: "1", id, outputs: [] });
      });
      execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
    }
  }
}

/** A request that counts how often a scheduler looks at it. */
class CountedRequest extends InferenceRequest {
  constructor(readonly look: () => void) {
    super("m", "");
    for (const key of ["batchSize", "priority", "timeoutMicros", "signal", "correlationId"] as const) {
      let value: unknown = this[key];
      Object.defineProperty(this, key, {
        get: () => {
          look();
          return value;
        },
        set: (given: unknown) => value = given,
      });
    }
  }
}

/** Counts the calls of these methods while `run` runs. */
function countingCalls(look: () => void, run: () => void): void {
  const undo: (() => void)[] = [];
  for (const { prototype } of [Fifo, Heap, TaskList, PriorityQueue] as { prototype: object }[]) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      const method = property.value;
      if (name === "constructor" || typeof method !== "function") continue;
      Object.defineProperty(prototype, name, {
        ...property,
        value: function (this: unknown, ...args: unknown[]) {
          look();
          return method.apply(this, args);
        },
      });
      undo.push(() => Object.defineProperty(prototype, name, property));
    }
  }
  try {
    run();
  } finally {
    undo.forEach((each) => each());
  }
}

type Make = (parts: {
  modelName: string;
  instances: ModelInstance[];
  statistics: ModelStatistics;
  clock: ManualClock;
}) => Scheduler;
type Prepare = (request: InferenceRequest, index: number) => void;

/** Looks per request while `length` requests come, wait and are answered, or are cancelled, the last one first. */
function looksPerRequest(make: Make, prepare: Prepare, length: number, cancel = false): number {
  let looks = 0;
  let over = 0;
  const look = () => looks++;
  const instance = new PatientInstance();
  const scheduler = make({
    modelName: "m",
    instances: [instance],
    statistics: new ModelStatistics(),
    clock: new ManualClock(),
  });
  const sink: ResponseSink = { respond() {}, finish: () => over++ };
  countingCalls(look, () => {
    const aborts: AbortController[] = [];
    for (let i = 0; i < length; i++) {
      const request = new CountedRequest(look);
      prepare(request, i);
      if (cancel) {
        aborts[i] = new AbortController();
        request.signal = aborts[i].signal;
      }
      scheduler.enqueue(request, sink);
    }
    for (const abort of aborts.reverse()) abort.abort();
    instance.drain();
  });
  assert.deepEqual([over, scheduler.pending, scheduler.inFlight], [length, 0, 0]);
  return looks / length;
}

const POLICY = {
  timeoutAction: "REJECT",
  defaultTimeoutMs: Infinity,
  allowTimeoutOverride: true,
  maxQueueSize: undefined,
} as const;

const dynamic = (levels: number, prefetch: boolean): Make => (parts) =>
  new DynamicScheduler({
    ...parts,
    rules: { maxBatchSize: 8, preferredSizes: [4, 8], delayMs: 1 },
    priorities: { levels, defaultLevel: levels > 0 ? 1 : 0, defaultPolicy: POLICY, policies: new Map() },
    shapeKey: () => "",
    preserveOrdering: false,
    prefetch,
  });

const sequence = (oldest: boolean): Make => {
  const config = configOf(8, {
    strategyChoice: oldest ? { case: "oldest", value: { maxCandidateSequences: 64 } } : { case: "direct", value: {} },
  });
  if (config.schedulingChoice.case !== "sequenceBatching") throw new Error("no sequence batching");
  const { value } = config.schedulingChoice;
  return (parts) => new SequenceScheduler({ ...parts, config: sequenceConfigOf(config, value) });
};

const oneByOne: Prepare = () => {};
const sequencesOfOne: Prepare = (request, index) => {
  request.correlationId = index + 1;
  request.sequenceStart = request.sequenceEnd = true;
};
const oneSequence: Prepare = (request, index) => {
  request.correlationId = 1;
  request.sequenceStart = index === 0;
};

const CASES: readonly [string, Make, Prepare][] = [
  ["default scheduler", (parts) => new DefaultScheduler(parts), oneByOne],
  ["dynamic batcher", dynamic(0, true), oneByOne],
  ["dynamic batcher with priorities and timeouts", dynamic(4, false), (request, index) => {
    request.priority = 1 + index % 4;
    request.timeoutMicros = 1e9 - index;
  }],
  ["direct sequence batcher, sequences in the backlog", sequence(false), sequencesOfOne],
  ["oldest sequence batcher, sequences in the backlog", sequence(true), sequencesOfOne],
  ["sequence batcher, one long sequence", sequence(true), oneSequence],
];

for (const [name, make, prepare] of CASES) {
  Deno.test(`A request costs the ${name} the same whether 100 or 10,000 wait`, () => {
    const few = looksPerRequest(make, prepare, 100);
    const many = looksPerRequest(make, prepare, 10_000);
    assert.ok(few > 0 && many < few * 1.25, `${few} looks per request with 100, ${many} with 10,000`);
  });

  Deno.test(`Cancelling a request costs the ${name} the same whether 100 or 10,000 wait`, () => {
    const few = looksPerRequest(make, prepare, 100, true);
    const many = looksPerRequest(make, prepare, 10_000, true);
    assert.ok(few > 0 && many < few * 1.25, `${few} looks per request with 100, ${many} with 10,000`);
  });
}
