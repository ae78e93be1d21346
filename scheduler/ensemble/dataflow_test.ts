import assert from "node:assert/strict";
import { Dataflow, type Firing } from "./dataflow.ts";
import { Demand, Demands, OUTPUTS } from "./demand.ts";
import type { EnsembleDescription } from "./description.ts";
import { ensemble, step, tensor } from "./testing.ts";

/** Each firing as `step.iteration: values`, where a value that is absent is `-`. */
function shown(firings: readonly Firing[]): string[] {
  return firings.map(({ step, iteration, values }) => {
    const texts = values.map(({ tensor }) => tensor === undefined ? "-" : String(tensor.data));
    return `${step === OUTPUTS ? "out" : step}.${iteration}: ${texts.join(" ")}`;
  });
}

function flowOf(description: EnsembleDescription, outputs: readonly string[] = []): Dataflow {
  return new Dataflow(description, new Demand(description, outputs));
}

const DIAMOND = ensemble("X Y", "OUT", [
  step("a", "in=X", "out=u"),
  step("b", "in=X other=Y", "out=v"),
  step("c", "one=u two=v", "out=OUT"),
]);

Deno.test("Dataflow starts each step when all that it reads is there", () => {
  const flow = flowOf(DIAMOND);
  assert.deepEqual(shown(flow.begin([tensor("Y", 2), tensor("X", 1)], 0)), ["0.0: 1", "1.0: 1 2"]);
  assert.deepEqual(shown(flow.responded(1, 0, [tensor("out", 4)], 0, undefined)), []);
  assert.deepEqual(shown(flow.responded(0, 0, [tensor("out", 3)], 0, undefined)), ["2.0: 3 4"]);
  assert.deepEqual(shown(flow.responded(2, 0, [tensor("out", 5)], 0, undefined)), ["out.0: 5"]);
});

Deno.test("Dataflow passes the very bytes on", () => {
  const flow = flowOf(DIAMOND);
  const x = tensor("X", 1);
  const [a, b] = flow.begin([x, tensor("Y", 2)], 0);
  assert.equal(a.values[0].tensor!.data, x.data);
  assert.equal(b.values[0].tensor!.data, x.data);
});

Deno.test("Dataflow gives a tensor to every reader, and twice to a step that reads it twice", () => {
  const description = ensemble("X", "X2 OUT", [
    step("a", "one=X two=X", "out=X2"),
    step("b", "in=X2", "out=OUT"),
  ]);
  const flow = flowOf(description);
  assert.deepEqual(shown(flow.begin([tensor("X", 7)], 0)), ["0.0: 7 7"]);
  assert.deepEqual(shown(flow.responded(0, 0, [tensor("out", 8)], 0, undefined)), ["1.0: 8"]);
  // sorted by name, so OUT is first
  assert.deepEqual(shown(flow.responded(1, 0, [tensor("out", 9)], 0, undefined)), ["out.0: 9 8"]);
});

Deno.test("Dataflow lets steps run without what was left out: optional inputs, outputs that a model does not give", () => {
  const flow = flowOf(DIAMOND);
  assert.deepEqual(shown(flow.begin([tensor("X", 1)], 0)), ["0.0: 1", "1.0: 1 -"]);
  flow.responded(0, 0, [tensor("other", 3)], 0, undefined);
  assert.deepEqual(shown(flow.responded(1, 0, [tensor("out", 4)], 0, undefined)), ["2.0: - 4"]);
  assert.deepEqual(shown(flow.responded(2, 0, [], 0, undefined)), ["out.0: -"]);
});

Deno.test("Dataflow runs the steps after a decoupled one once per response, each with its own iteration", () => {
  const description = ensemble("X", "A B", [
    step("many", "in=X", "p=p q=q", { decoupled: true }),
    step("a", "in=p", "out=A"),
    step("b", "in=q", "out=B"),
  ]);
  const flow = flowOf(description);
  flow.begin([tensor("X", 0)], 0);
  const both = (n: number) => [tensor("p", n), tensor("q", n + 100)];
  assert.deepEqual(shown(flow.responded(0, 0, both(1), 0, undefined)), ["1.0: 1", "2.0: 101"]);
  assert.deepEqual(shown(flow.responded(0, 0, both(2), 0, undefined)), ["1.1: 2", "2.1: 102"]);
  // the branches answer in different orders, and are matched by iteration
  assert.deepEqual(shown(flow.responded(1, 1, [tensor("out", 12)], 0, undefined)), []);
  assert.deepEqual(shown(flow.responded(2, 0, [tensor("out", 21)], 0, undefined)), []);
  assert.deepEqual(shown(flow.responded(2, 1, [tensor("out", 22)], 0, undefined)), ["out.1: 12 22"]);
  assert.deepEqual(shown(flow.responded(1, 0, [tensor("out", 11)], 0, undefined)), ["out.0: 11 21"]);
});

Deno.test("Dataflow numbers the responses of a decoupled step after another in the order in which they come", () => {
  const description = ensemble("X", "OUT", [
    step("first", "in=X", "out=m", { decoupled: true }),
    step("second", "in=m", "out=OUT", { decoupled: true }),
  ]);
  const flow = flowOf(description);
  flow.begin([tensor("X", 0)], 0);
  flow.responded(0, 0, [tensor("out", 1)], 0, undefined);
  flow.responded(0, 0, [tensor("out", 2)], 0, undefined);
  assert.deepEqual(shown(flow.responded(1, 1, [tensor("out", 20)], 0, undefined)), ["out.0: 20"]);
  assert.deepEqual(shown(flow.responded(1, 0, [tensor("out", 10)], 0, undefined)), ["out.1: 10"]);
  assert.deepEqual(shown(flow.responded(1, 1, [tensor("out", 21)], 0, undefined)), ["out.2: 21"]);
});

const PRUNABLE = ensemble("X", "OUT1 OUT2", [
  step("a", "in=X", "p=p q=q"),
  step("b", "in=p", "out=OUT1"),
  step("c", "in=q", "out=r"),
  step("d", "in=r", "out=OUT2 extra=unread"),
]);

Deno.test("Demand leaves out the steps and outputs that the requested outputs do not need", () => {
  const all = new Demand(PRUNABLE, []);
  assert.deepEqual(all.outputs, ["OUT1", "OUT2"]);
  assert.deepEqual(all.stepOutputs, [["p", "q"], ["out"], ["out"], ["out"]]);
  const one = new Demand(PRUNABLE, ["OUT1"]);
  assert.deepEqual(one.outputs, ["OUT1"]);
  assert.deepEqual(one.stepOutputs, [["p"], ["out"], [], []]);
  const flow = new Dataflow(PRUNABLE, one);
  assert.deepEqual(shown(flow.begin([tensor("X", 1)], 0)), ["0.0: 1"]);
  // a model that answers more than it was asked for starts nothing
  assert.deepEqual(shown(flow.responded(0, 0, [tensor("p", 2), tensor("q", 3)], 0, undefined)), ["1.0: 2"]);
});

Deno.test("Demands works out each set of outputs once", () => {
  const demands = new Demands(PRUNABLE);
  assert.equal(demands.of(["OUT1"]), demands.of(["OUT1"]));
  assert.equal(demands.of(["OUT2", "OUT1"]), demands.of([]));
  assert.deepEqual(demands.of(["OUT2", "OUT1"]).outputs, ["OUT1", "OUT2"]);
  assert.notEqual(demands.of(["OUT1"]), demands.of(["OUT2"]));
});
