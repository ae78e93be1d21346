import assert from "node:assert/strict";
import { InferenceRequest } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { EnsembleScheduler } from "./ensemble_scheduler.ts";
import { ensemble, FakeModel, increment, limitedSchedulerOf, requestOf, schedulerOf, step, tensor } from "./testing.ts";

const CHAIN = ensemble("X", "OUT", [step("a", "in=X", "out=m"), step("b", "in=m", "out=OUT")]);
const WIDE = ensemble("X", "P Q", [step("a", "in=X", "out=P"), step("b", "in=X", "out=Q")]);

Deno.test("EnsembleScheduler runs one step after the other and answers under its own name", () => {
  const { scheduler, statistics, send } = schedulerOf(CHAIN, increment("a"), increment("b"));
  const request = requestOf(1, 5);
  request.id = "me";
  const sink = send(request);
  assert.deepEqual(sink.responses, [{
    modelName: "E",
    modelVersion: "1",
    id: "me",
    outputs: [tensor("OUT", 3, 7)],
    parameters: undefined,
  }]);
  assert.equal(sink.finished, 1);
  assert.equal(sink.error, undefined);
  assert.equal(scheduler.inFlight, 0);
  assert.equal(statistics.success.count, 1);
  assert.equal(statistics.executionCount, 1);
});

Deno.test("EnsembleScheduler.hurry() passes on to what waits for several steps at once", () => {
  let hurried = 0;
  const parts = { find: () => new FakeModel("a"), statistics: new ModelStatistics(), hurry: () => void hurried++ };
  new EnsembleScheduler({ description: WIDE, modelVersion: "1", ...parts }).hurry();
  assert.equal(hurried, 1);
});

Deno.test("EnsembleScheduler runs steps side by side and sorts outputs by name", () => {
  const [a, b] = [new FakeModel("a"), new FakeModel("b")];
  const { scheduler, send } = schedulerOf(WIDE, a, b);
  const sink = send();
  assert.equal(a.calls.length + b.calls.length, 2);
  b.calls[0].answer(tensor("out", 9));
  assert.equal(sink.responses.length, 0);
  assert.equal(scheduler.inFlight, 1);
  assert.equal(scheduler.pending, 0);
  a.calls[0].answer(tensor("out", 8));
  assert.deepEqual(sink.texts, ["P=8 Q=9"]);
});

Deno.test("EnsembleScheduler hands id, parameters, sequence, priority, timeout and signal to its steps", () => {
  const a = new FakeModel("a");
  const { send } = schedulerOf(WIDE, a, new FakeModel("b"));
  const request = requestOf(1);
  const { signal } = new AbortController();
  const given = {
    id: "r",
    parameters: new Map([["k", 1]]),
    correlationId: 7,
    sequenceStart: true,
    sequenceEnd: true,
    priority: 2,
    timeoutMicros: 5,
    signal,
  };
  Object.assign(request, given);
  send(request);
  const passed = a.calls[0].request;
  for (const [key, value] of Object.entries(given)) assert.equal(passed[key as keyof InferenceRequest], value);
  assert.deepEqual(passed.outputs, ["out"]);
});

Deno.test("EnsembleScheduler tells the place in a sequence only to a request that has one, and follows a step's word", () => {
  const a = new FakeModel("a", ({ sink, request }) => {
    const parameters = new Map<string, number | boolean>([["sequence_id", 9], ["sequence_start", false]]);
    sink.respond({ modelName: "a", modelVersion: "1", id: request.id, outputs: [tensor("out", 1)], parameters });
    sink.finish();
  });
  const b = increment("b");
  const { send } = schedulerOf(CHAIN, a, b);
  assert.equal(send().responses[0].parameters, undefined);
  const request = requestOf(1);
  request.correlationId = 4;
  request.sequenceStart = true;
  const { parameters } = send(request).responses[0];
  assert.deepEqual([...parameters!], [["sequence_id", 4], ["sequence_start", true], ["sequence_end", false]]);
  // the step after it is told what it said
  assert.equal(b.calls[1].request.correlationId, 9);
  assert.equal(b.calls[1].request.sequenceStart, false);
});

Deno.test("EnsembleScheduler starts nothing after the first error and reports it when what runs has ended", () => {
  const description = ensemble("X", "P Q", [
    step("a", "in=X", "out=m"),
    step("b", "in=X", "out=P"),
    step("c", "in=m", "out=Q"),
  ]);
  const [a, b, c] = ["a", "b", "c"].map((name) => new FakeModel(name));
  const { statistics, scheduler, send } = schedulerOf(description, a, b, c);
  const sink = send();
  b.calls[0].sink.finish(new Status("NOT_FOUND", "deliberate failure"));
  assert.equal(sink.finished, 0);
  a.calls[0].answer(tensor("out", 1));
  assert.equal(c.calls.length, 0);
  assert.equal(sink.finished, 1);
  assert.equal(sink.error!.message, "in ensemble 'E', deliberate failure");
  assert.equal(sink.error!.code, "NOT_FOUND");
  assert.equal(statistics.fail.count, 1);
  assert.deepEqual(statistics.failures, { REJECTED: 0, CANCELED: 0, BACKEND: 0, OTHER: 1 });
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("EnsembleScheduler reports requests that a step's model refuses, and models that are gone", () => {
  const refusing = new FakeModel("a", () => {
    throw new Status("INVALID_ARGUMENT", "wrong shape");
  });
  const one = schedulerOf(WIDE, refusing, new FakeModel("b", ({ answer }) => answer(tensor("out", 1))));
  assert.equal(one.send().error!.message, "in ensemble 'E', wrong shape");
  const [a] = [new FakeModel("a")];
  const two = schedulerOf(WIDE, a);
  assert.equal(two.send().error!.message, "in ensemble 'E', no b");
  assert.equal(a.calls.length, 0);
  assert.equal(a.holds, 0);
});

Deno.test("EnsembleScheduler holds the versions of a request until it ends", () => {
  const [a, b] = [new FakeModel("a"), new FakeModel("b")];
  const { send } = schedulerOf(CHAIN, a, b);
  send();
  assert.deepEqual([a.holds, b.holds], [1, 1]);
  a.calls[0].answer(tensor("out", 1));
  assert.deepEqual([a.holds, b.holds], [1, 1]);
  b.calls[0].answer(tensor("out", 1));
  assert.deepEqual([a.holds, b.holds], [0, 0]);
});

Deno.test("EnsembleScheduler starts no step for a client that has gone", () => {
  const [a, b] = [new FakeModel("a"), new FakeModel("b")];
  const { statistics, send } = schedulerOf(CHAIN, a, b);
  const gone = new AbortController();
  const request = requestOf(1);
  request.signal = gone.signal;
  const sink = send(request);
  gone.abort();
  a.calls[0].answer(tensor("out", 1));
  assert.equal(b.calls.length, 0);
  assert.equal(sink.error!.code, "CANCELLED");
  assert.equal(statistics.failures.CANCELED, 1);
});

Deno.test("EnsembleScheduler lets max_inflight_requests of a step run at once, over all requests, and the others wait", () => {
  const [a, b] = [increment("a"), new FakeModel("b")];
  const { scheduler, send } = schedulerOf({ ...CHAIN, maxInflightRequests: 2 }, a, b);
  const sinks = [10, 20, 30, 40].map((value) => send([value]));
  assert.equal(b.calls.length, 2);
  b.calls[0].answer(tensor("out", 1));
  assert.deepEqual(sinks.map(({ finished }) => finished), [1, 0, 0, 0]);
  assert.equal(b.calls.length, 3);
  assert.deepEqual([...b.calls[2].request.inputs[0].data], [31]);
  for (const call of b.calls.slice(1)) call.answer(tensor("out", 2));
  b.calls[3].answer(tensor("out", 3));
  assert.deepEqual(sinks.map(({ finished }) => finished), [1, 1, 1, 1]);
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("EnsembleScheduler calls off a step that waits when its client goes, and goes on with the next", () => {
  const [a, b] = [increment("a"), new FakeModel("b")];
  const { scheduler, send } = schedulerOf({ ...CHAIN, maxInflightRequests: 1 }, a, b);
  send([1]);
  const gone = new AbortController();
  const request = requestOf(2);
  request.signal = gone.signal;
  const sink = send(request);
  const last = send([3]);
  gone.abort();
  assert.equal(sink.error!.code, "CANCELLED");
  assert.deepEqual([a.holds, b.holds], [2, 2]);
  b.calls[0].answer(tensor("out", 1));
  assert.equal(b.calls.length, 2);
  assert.deepEqual([...b.calls[1].request.inputs[0].data], [4]);
  b.calls[1].answer(tensor("out", 1));
  assert.equal(last.finished, 1);
  assert.equal(sink.finished, 1);
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("EnsembleScheduler wants exactly one response from a model that is not decoupled", () => {
  const expected = /^in ensemble 'E', expected the model to produce exactly 1 response, got /;
  const silent = schedulerOf(CHAIN, new FakeModel("a", ({ sink }) => sink.finish()), increment("b"));
  assert.match(silent.send().error!.message, expected);
  const double = new FakeModel("a", ({ respond, answer }) => {
    respond(tensor("out", 1));
    answer(tensor("out", 1));
  });
  assert.match(
    schedulerOf(CHAIN, double, new FakeModel("b", ({ answer }) => answer())).send().error!.message,
    expected,
  );
});

Deno.test("EnsembleScheduler answers without the outputs that its last step did not give", () => {
  const { send } = schedulerOf(CHAIN, increment("a"), new FakeModel("b", ({ answer }) => answer()));
  const sink = send();
  assert.deepEqual(sink.responses[0].outputs, []);
  assert.equal(sink.error, undefined);
});

Deno.test("EnsembleScheduler lets a step run without an optional input, and bridges batches", () => {
  const description = ensemble("X Y", "OUT", [
    step("a", "in=X maybe=Y", "out=m"),
    step("b", "in=m", "out=OUT", { batching: true }),
  ]);
  const a = new FakeModel("a", ({ answer }) => answer(tensor("out", 1, 2)));
  const b = new FakeModel("b");
  const { send } = schedulerOf(description, a, b);
  const sink = send();
  assert.deepEqual(a.calls[0].request.inputs.map(({ name }) => name), ["in"]);
  assert.deepEqual(b.calls[0].request.inputs[0].shape, [1, 2]);
  b.calls[0].answer({ ...tensor("out", 3, 4), shape: [1, 2] });
  assert.deepEqual(sink.responses[0].outputs[0].shape, [2]);
});

Deno.test("EnsembleScheduler adds up what its steps took, also for an ensemble around it", () => {
  const timing = { inputMs: 1, inferMs: 10, outputMs: 2 };
  const slow = (name: string) =>
    new FakeModel(name, ({ request, answer }) => {
      request.spent!.add(4, timing);
      answer(tensor("out", 1));
    });
  const outer = ensemble("X", "OUT", [step("inner", "in=X", "out=OUT")]);
  const inner = schedulerOf(CHAIN, slow("a"), slow("b"));
  const nested = new FakeModel("inner", ({ request, sink }) => {
    const inside = requestOf(1);
    inside.spent = request.spent;
    inner.scheduler.enqueue(inside, {
      respond: (response) =>
        sink.respond({ ...response, outputs: response.outputs.map((output) => ({ ...output, name: "out" })) }),
      finish: (error) => sink.finish(error),
    });
  });
  const { statistics, clock, send } = schedulerOf(outer, nested);
  clock.advance(30);
  assert.deepEqual(send().texts, ["OUT=1"]);
  for (const numbers of [statistics, inner.statistics]) {
    assert.equal(numbers.queue.ns, 8e6);
    assert.equal(numbers.computeInput.ns, 2e6);
    assert.equal(numbers.computeInfer.ns, 20e6);
    assert.equal(numbers.computeOutput.ns, 4e6);
    assert.equal(numbers.batches.get(1)!.computeInfer.ns, 20e6);
  }
  assert.equal(statistics.success.ns, 30e6);
});

Deno.test("EnsembleScheduler refuses new work once stopped and finishes what it has", () => {
  const [a, b] = [new FakeModel("a"), increment("b")];
  const { scheduler, statistics, send } = schedulerOf(CHAIN, a, b);
  const sink = send();
  scheduler.stop();
  const late = send();
  assert.equal(late.error!.code, "UNAVAILABLE");
  assert.equal(statistics.failures.REJECTED, 1);
  a.calls[0].answer(tensor("out", 1));
  assert.deepEqual(sink.texts, ["OUT=2"]);
});

Deno.test("EnsembleScheduler nests the prefix of an error, and says so where the flow comes to a halt", () => {
  const failing = new FakeModel("a", ({ sink }) => sink.finish(new Status("INTERNAL", "in ensemble 'inner', no")));
  const { send } = schedulerOf(CHAIN, failing, increment("b"));
  assert.equal(send().error!.message, "in ensemble 'E', in ensemble 'inner', no");
  const halting = ensemble("X", "OUT", [step("a", "in=X other=never", "out=OUT")]);
  const error = schedulerOf(halting, increment("a")).send().error!;
  assert.equal(error.code, "INVALID_ARGUMENT");
  assert.match(error.message, /^in ensemble 'E', \[request id: <id_unknown>\] unexpected deadlock/);
});

Deno.test("EnsembleScheduler refuses requests while too many steps wait for their turn, and forgets who has gone", () => {
  const a = new FakeModel("a");
  const { scheduler, statistics, send } = limitedSchedulerOf(
    200,
    { ...CHAIN, maxInflightRequests: 1 },
    a,
    increment("b"),
  );
  send();
  const aborts = Array.from({ length: 200 }, () => {
    const abort = new AbortController();
    const request = requestOf(1);
    request.signal = abort.signal;
    send(request);
    return abort;
  });
  const { error } = send();
  assert.equal(error?.code, "UNAVAILABLE");
  assert.match(error!.message, /Exceeds maximum queue size: 200 requests are waiting for model 'E'.*--max-queue-size/);
  assert.equal(statistics.failures.REJECTED, 1);
  for (const abort of aborts.slice(0, 199)) abort.abort();
  const sinks = Array.from({ length: 199 }, () => send());
  assert.equal(send().error?.code, "UNAVAILABLE");
  for (let i = 0; i < a.calls.length; i++) a.calls[i].answer(tensor("out", 1));
  assert.ok(sinks.every(({ error, finished }) => finished === 1 && !error));
  assert.deepEqual([a.calls.length, scheduler.inFlight], [201, 0]);
});
