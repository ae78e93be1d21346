import assert from "node:assert/strict";
import type { DataType } from "../../core/data_type.ts";
import { decodeStrings, encodeBytes } from "../../core/tensor.ts";
import type { SequenceRow } from "../backend.ts";
import type { WorkerModel, WorkerTensor } from "../worker/protocol.ts";
import { StatefulModel, type StatefulOptions, type StateSpec } from "./stateful_model.ts";

const ints = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
const valuesOf = ({ data }: WorkerTensor) => [...new Int32Array(data.slice().buffer)];
const tensor = (name: string, shape: number[], ...values: number[]): WorkerTensor => {
  return { name, datatype: "INT32", shape, data: ints(...values) };
};
const row = (slot: number, start = false, end = false): SequenceRow => ({ slot, start, end });

type Run = (inputs: readonly WorkerTensor[]) => WorkerTensor[];

/** A stateful model around `run`, and what was asked of that. */
async function around(run: Run, states: StateSpec[], batching: boolean, asynchronous = false) {
  const asked: { shapes: Record<string, readonly number[]>; outputs: readonly string[] }[] = [];
  const inner: WorkerModel<StatefulOptions> = {
    load: () => Promise.resolve({ runtime: "test", device: "" }),
    run(inputs, outputs) {
      asked.push({ shapes: Object.fromEntries(inputs.map(({ name, shape }) => [name, shape])), outputs });
      const results = run(inputs);
      const answer = outputs.map((name) => results.find((result) => result.name === name)!);
      return asynchronous ? Promise.resolve(answer) : answer;
    },
    release: () => Promise.resolve(),
  };
  const model = new StatefulModel(inner);
  await model.load({ modelName: "m", states, batching });
  return { model, asked };
}

const state = (shape: number[], data: Uint8Array, datatype: DataType = "INT32"): StateSpec => {
  return { inputName: "S", outputName: "T", datatype, shape, data };
};

/** OUT and T are S + IN, element by element. */
const accumulate: Run = (inputs) => {
  const [a, b] = ["IN", "S"].map((name) => inputs.find((input) => input.name === name)!);
  const sums = valuesOf(a).map((value, index) => value + valuesOf(b)[index]);
  return [tensor("OUT", [...b.shape], ...sums), tensor("T", [...b.shape], ...sums)];
};

/** T is S followed by IN; OUT is how many values S had. */
const append: Run = (inputs) => {
  const [a, b] = ["IN", "S"].map((name) => inputs.find((input) => input.name === name)!);
  const rows = b.shape[0];
  const length = b.shape[1];
  const values = Array.from(
    { length: rows },
    (_, r) => [...valuesOf(b).slice(r * length, (r + 1) * length), valuesOf(a)[r]],
  );
  return [
    tensor("T", [rows, length + 1], ...values.flat()),
    tensor("OUT", [rows, 1], ...values.map(({ length }) => length - 1)),
  ];
};

for (const asynchronous of [false, true]) {
  Deno.test(`StatefulModel.run() feeds each sequence what it left (${asynchronous ? "asynchronous" : "synchronous"})`, async () => {
    const { model, asked } = await around(accumulate, [state([1], ints(100))], true, asynchronous);
    const run = async (values: number[], rows: (SequenceRow | undefined)[]) =>
      valuesOf((await model.run([tensor("IN", [values.length, 1], ...values)], ["OUT"], rows))[0]);
    assert.deepEqual(await run([1, 2], [row(0, true), row(1, true)]), [101, 102]);
    assert.deepEqual(await run([10, 0, 30], [row(1), undefined, row(0)]), [112, 0, 131]);
    assert.deepEqual(await run([5], [row(1, false, true)]), [117]);
    assert.deepEqual(await run([7], [row(1, true)]), [107]);
    assert.deepEqual(await run([7], [row(0)]), [138]);
    assert.deepEqual(asked[1], { shapes: { IN: [3, 1], S: [3, 1] }, outputs: ["OUT", "T"] });
  });
}

Deno.test("StatefulModel.run() keeps states without a batch dimension as they are", async () => {
  const { model, asked } = await around(accumulate, [state([2, 1], ints(0, 0))], false);
  const run = async (...values: number[]) =>
    valuesOf((await model.run([tensor("IN", [2, 1], ...values)], ["OUT"], [row(3, asked.length === 0)]))[0]);
  assert.deepEqual(await run(1, 2), [1, 2]);
  assert.deepEqual(await run(1, 2), [2, 4]);
  assert.deepEqual(asked[1].shapes.S, [2, 1]);
});

Deno.test("StatefulModel.run() keeps a state that is also returned apart from what it returns", async () => {
  const { model } = await around(accumulate, [state([1], ints(0))], true);
  const [{ data }] = await model.run([tensor("IN", [1, 1], 4)], ["T"], [row(0, true)]);
  data.fill(0xff);
  const [out] = await model.run([tensor("IN", [1, 1], 4)], ["OUT"], [row(0)]);
  assert.deepEqual(valuesOf(out), [8]);
});

Deno.test("StatefulModel.run() lets states grow and runs those of different lengths one after the other", async () => {
  const { model, asked } = await around(append, [state([1], ints(0))], true);
  const run = async (values: number[], rows: (SequenceRow | undefined)[]) =>
    valuesOf((await model.run([tensor("IN", [values.length, 1], ...values)], ["OUT"], rows))[0]);
  assert.deepEqual(await run([1, 1], [row(0, true), row(1, true)]), [1, 1]);
  assert.deepEqual(await run([2], [row(1)]), [2]);
  assert.equal(asked.length, 2);
  assert.deepEqual(await run([3, 3, 3, 3], [row(0), row(1), undefined, row(2, true)]), [2, 3, 2, 1]);
  assert.deepEqual(asked.slice(2).map(({ shapes }) => [shapes.IN, shapes.S]), [
    [[2, 1], [2, 2]],
    [[1, 1], [1, 3]],
    [[1, 1], [1, 1]],
  ]);
  assert.deepEqual(await run([4, 4], [row(0), row(1)]), [3, 4]);
});

Deno.test("StatefulModel.run() says which output cannot be joined for states of different lengths", async () => {
  const { model } = await around(append, [state([1], ints(0))], true);
  await model.run([tensor("IN", [1, 1], 1)], ["OUT"], [row(0, true)]);
  await assert.rejects(
    async () => await model.run([tensor("IN", [2, 1], 1, 1)], ["T"], [row(0), row(1, true)]),
    { code: "INTERNAL", message: /output 'T' of model 'm'.*max_batch_size to 1/ },
  );
});

Deno.test("StatefulModel.run() splits and joins states of strings", async () => {
  const double: Run = (inputs) => {
    const { shape, data } = inputs.find(({ name }) => name === "S")!;
    const texts = decodeStrings(data).map((text, index) => `${text}${"x".repeat(index + 1)}`);
    return [{ name: "T", datatype: "BYTES", shape, data: encodeBytes(texts) }];
  };
  const { model } = await around(double, [state([1], encodeBytes(["a"]), "BYTES")], true);
  const run = async (rows: (SequenceRow | undefined)[]) =>
    decodeStrings((await model.run([tensor("IN", [rows.length, 1], ...rows.map(() => 0))], ["T"], rows))[0].data);
  assert.deepEqual(await run([row(0, true), row(1, true)]), ["ax", "axx"]);
  assert.deepEqual(await run([undefined, row(1), row(0)]), ["x", "axxxx", "axxxx"]);
});

Deno.test("StatefulModel.run() leaves the states alone when the model fails", async () => {
  let broken = false;
  const { model } = await around(
    (inputs) => {
      if (broken) throw new Error("broken");
      return accumulate(inputs);
    },
    [state([1], ints(0))],
    true,
  );
  const run = async (value: number, start = false) =>
    valuesOf((await model.run([tensor("IN", [1, 1], value)], ["OUT"], [row(0, start)]))[0]);
  assert.deepEqual(await run(5, true), [5]);
  broken = true;
  await assert.rejects(run(5));
  broken = false;
  assert.deepEqual(await run(5), [10]);
  broken = true;
  await assert.rejects(run(5, true));
  broken = false;
  assert.deepEqual(await run(1), [1], "a sequence that begins has its initial state");
});

Deno.test("StatefulModel.run() refuses a slot whose sequence never began", async () => {
  const { model } = await around(accumulate, [state([1], ints(0))], true);
  await assert.rejects(async () => await model.run([tensor("IN", [1, 1], 1)], ["OUT"], [row(4)]), {
    code: "INTERNAL",
    message: /model 'm' has no state for slot 4/,
  });
});

Deno.test("StatefulModel.run() reports a state output without a row for each row", async () => {
  const { model } = await around(() => [tensor("T", [1, 1], 0)], [state([1], ints(0))], true);
  await assert.rejects(
    async () => await model.run([tensor("IN", [2, 1], 1, 2)], [], [row(0, true), row(1, true)]),
    { message: /state output 'T' of model 'm' has shape \[1,1\], expected 2 rows/ },
  );
});

Deno.test("StatefulModel.run() gives executions of no sequence the initial state, unless they bring one", async () => {
  const { model, asked } = await around(accumulate, [state([1], ints(3))], true);
  const [out] = await model.run([tensor("IN", [2, 1], 1, 2)], ["OUT"]);
  assert.deepEqual(valuesOf(out), [4, 5]);
  const [own] = await model.run([tensor("IN", [1, 1], 1), tensor("S", [1, 1], 50)], ["OUT"]);
  assert.deepEqual(valuesOf(own), [51]);
  assert.deepEqual(asked[1].outputs, ["OUT"]);
});
