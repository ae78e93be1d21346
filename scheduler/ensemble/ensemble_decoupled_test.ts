/** Ensembles with models of any number of responses. */
import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { LONGEST_LEAD } from "./lead.ts";
import { ensemble, FakeModel, schedulerOf, step, tensor } from "./testing.ts";

Deno.test("EnsembleScheduler gives the responses of a decoupled model in order, any number of them", () => {
  const description = ensemble("X", "OUT", [
    step("many", "in=X", "out=m", { decoupled: true }),
    step("b", "in=m", "out=OUT"),
  ]);
  const [many, b] = [new FakeModel("many"), new FakeModel("b")];
  const { scheduler, statistics, send } = schedulerOf(description, many, b);
  const sink = send();
  for (const value of [1, 2, 3]) many.calls[0].respond(tensor("out", value));
  many.calls[0].sink.finish();
  b.calls[2].answer(tensor("out", 3));
  b.calls[1].answer(tensor("out", 2));
  assert.deepEqual(sink.texts, []);
  b.calls[0].answer(tensor("out", 1));
  assert.deepEqual(sink.texts, ["OUT=1", "OUT=2", "OUT=3"]);
  assert.equal(sink.finished, 1);
  const none = send();
  many.calls[1].sink.finish();
  assert.deepEqual([none.texts, none.finished, none.error], [[], 1, undefined]);
  assert.equal(statistics.success.count, 2);
  assert.equal(scheduler.inFlight, 0);
});

Deno.test("EnsembleScheduler asks a decoupled model to wait while steps after it do", async () => {
  const description = ensemble("X", "OUT", [
    step("many", "in=X", "out=m", { decoupled: true }),
    step("b", "in=m", "out=OUT"),
  ], { maxInflightRequests: 1 });
  const [many, b] = [new FakeModel("many"), new FakeModel("b")];
  const { send } = schedulerOf(description, many, b);
  const sink = send();
  const { respond, sink: upstream } = many.calls[0];
  respond(tensor("out", 1));
  assert.equal(upstream.backpressure!(), undefined);
  respond(tensor("out", 2));
  const room = upstream.backpressure!();
  assert.ok(room);
  b.calls[0].answer(tensor("out", 1));
  await room;
  assert.equal(upstream.backpressure!(), undefined);
  respond(tensor("out", 3));
  const failed = upstream.backpressure!();
  b.calls[1].sink.finish(new Status("INTERNAL", "no"));
  await failed;
  upstream.finish();
  assert.equal(sink.error!.message, "in ensemble 'E', no");
});

Deno.test("EnsembleScheduler lets a decoupled model go on that only what comes before it, or beside it, waits for", () => {
  const description = ensemble("X", "OUT", [
    step("many", "in=X", "out=m", { decoupled: true }),
    step("more", "in=m", "out=n", { decoupled: true }),
    step("last", "in=n", "out=OUT"),
  ], { maxInflightRequests: 1 });
  const [many, more, last] = [new FakeModel("many"), new FakeModel("more"), new FakeModel("last")];
  const { send } = schedulerOf(description, many, more, last);
  const sink = send();
  many.calls[0].respond(tensor("out", 1));
  many.calls[0].respond(tensor("out", 2));
  assert.ok(many.calls[0].sink.backpressure!(), "a run of more waits for the other");
  assert.equal(more.calls[0].sink.backpressure!(), undefined, "which is not to wait for it");
  more.calls[0].respond(tensor("out", 1));
  more.calls[0].respond(tensor("out", 2));
  assert.ok(more.calls[0].sink.backpressure!());
  last.calls[0].answer(tensor("out", 1));
  assert.equal(more.calls[0].sink.backpressure!(), undefined);
  assert.equal(sink.responses.length, 1);
});

Deno.test("EnsembleScheduler holds a decoupled model back that is far ahead of the steps after it", async () => {
  const description = ensemble("X", "OUT", [
    step("many", "in=X", "out=m", { decoupled: true }),
    step("b", "in=m", "out=OUT"),
  ]);
  const [many, b] = [new FakeModel("many"), new FakeModel("b")];
  const { send } = schedulerOf(description, many, b);
  const sink = send();
  const { respond, sink: upstream } = many.calls[0];
  for (let i = 0; i < LONGEST_LEAD; i++) {
    assert.equal(upstream.backpressure!(), undefined);
    respond(tensor("out", i % 256));
  }
  const room = upstream.backpressure!();
  assert.ok(room, "so many runs of b");
  // the first is slow: the responses of the others have to wait for it
  for (let i = 1; i < LONGEST_LEAD; i++) b.calls[i].answer(tensor("out", i % 256));
  await room;
  assert.equal(upstream.backpressure!(), undefined);
  respond(tensor("out", 0));
  b.calls[LONGEST_LEAD].answer(tensor("out", 0));
  const turn = upstream.backpressure!();
  assert.ok(turn, "so many responses");
  assert.equal(sink.responses.length, 0);
  b.calls[0].answer(tensor("out", 0));
  await turn;
  assert.equal(upstream.backpressure!(), undefined);
  assert.equal(sink.responses.length, LONGEST_LEAD + 1);
});
