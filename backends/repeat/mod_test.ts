import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ManualClock } from "../../core/clock.ts";
import { configTypeOf, type DataType } from "../../core/data_type.ts";
import { InferenceRequest, type InferenceResponse } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import type { BackendContext, Execution } from "../backend.ts";
import { RepeatBackend, type RepeatModel } from "./mod.ts";

const context: BackendContext = { settings: new Map(), info() {}, warning() {} };

const tensor = (name: string, datatype: DataType, ...dims: number[]) => ({
  name,
  dataType: configTypeOf(datatype),
  dims: dims.map(BigInt),
});

type TestTensor = ReturnType<typeof tensor>;

/** The parts of a configuration that this backend looks at. */
interface TestConfig {
  readonly schedulingChoice?: {
    readonly case: "sequenceBatching";
    readonly value: { readonly iterativeSequence: boolean };
  };
  readonly maxBatchSize: number;
  readonly modelTransactionPolicy: { readonly decoupled: boolean } | undefined;
  readonly input: TestTensor[];
  readonly output: TestTensor[];
}

const GOOD: TestConfig = {
  maxBatchSize: 0,
  modelTransactionPolicy: { decoupled: true },
  input: [tensor("IN", "INT32", -1), tensor("DELAY", "UINT32", -1), tensor("WAIT", "UINT32", 1)],
  output: [tensor("OUT", "INT32", 1), tensor("IDX", "UINT32", 1)],
};

function load(clock: ManualClock, changes: Partial<TestConfig> = {}): Promise<RepeatModel> {
  const config = create(ModelConfigSchema, {
    name: "m",
    instanceGroup: [{ name: "g", count: 1 }],
    ...GOOD,
    ...changes,
  });
  const source = { name: "m", version: 3, directory: "/m", versionDirectory: "/m/3", config };
  return new RepeatBackend(clock).load(source, context);
}

class Recorder implements Execution {
  readonly requests: readonly InferenceRequest[];
  readonly responses: InferenceResponse[] = [];
  finished = 0;
  /** Executions that the model has asked for. */
  rescheduled = 0;
  error: Status | undefined;
  /** What `backpressure` says. */
  full: Promise<void> | undefined;

  constructor(readonly request: InferenceRequest) {
    this.requests = [request];
  }
  respond(index: number, response: InferenceResponse): void {
    assert.equal(index, 0);
    assert.equal(this.finished, 0);
    this.responses.push(response);
  }
  backpressure(): Promise<void> | undefined {
    return this.full;
  }
  fail(): void {
    assert.fail("the only request of an execution fails with it");
  }
  reschedule(index: number): void {
    assert.deepEqual([index, this.finished], [0, 0]);
    this.rescheduled++;
  }
  finish(_timing: unknown, error?: Status): void {
    this.finished++;
    this.error = error;
  }
  /** Value and index of each response. */
  get values(): [number, number][] {
    return this.responses.map(({ outputs: [out, index] }) => [
      new Int32Array(out.data.slice().buffer)[0],
      new Uint32Array(index.data.slice().buffer)[0],
    ]);
  }
}

function request(values: number[], delays: number[], wait: number, outputs: string[] = []): InferenceRequest {
  const made = new InferenceRequest("m", "");
  const input = (name: string, datatype: DataType, array: Int32Array | Uint32Array): Tensor => {
    // At an odd address, as in a message.
    const bytes = new Uint8Array(1 + array.byteLength);
    bytes.set(new Uint8Array(array.buffer), 1);
    return { name, datatype, shape: [array.length], data: bytes.subarray(1) };
  };
  const inputs = [
    input("WAIT", "UINT32", Uint32Array.of(wait)),
    input("IN", "INT32", Int32Array.from(values)),
    input("DELAY", "UINT32", Uint32Array.from(delays)),
  ];
  return Object.assign(made, { id: "r", inputs, outputs });
}

Deno.test("execute() sends one response for each element, at its time", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock);
  const execution = new Recorder(request([5, -6, 7], [0, 10, 20], 0));
  instance.execute(execution);
  assert.deepEqual(execution.values, [[5, 0]]);
  clock.advance(9);
  assert.equal(execution.responses.length, 1);
  clock.advance(1);
  assert.deepEqual(execution.values, [[5, 0], [-6, 1]]);
  assert.equal(execution.finished, 0);
  clock.advance(20);
  assert.deepEqual(execution.values, [[5, 0], [-6, 1], [7, 2]]);
  assert.deepEqual([execution.finished, execution.error], [1, undefined]);
  const { modelName, modelVersion, id, outputs } = execution.responses[2];
  assert.deepEqual([modelName, modelVersion, id], ["m", "3", "r"]);
  assert.deepEqual(outputs.map(({ name, datatype, shape }) => [name, datatype, shape]), [
    ["OUT", "INT32", [1]],
    ["IDX", "UINT32", [1]],
  ]);
});

Deno.test("execute() sends nothing for an empty IN, and only the outputs asked for", async () => {
  const { instances: [instance] } = await load(new ManualClock());
  const empty = new Recorder(request([], [], 0));
  instance.execute(empty);
  assert.deepEqual([empty.responses.length, empty.finished, empty.error], [0, 1, undefined]);
  const some = new Recorder(request([1], [0], 0, ["IDX"]));
  instance.execute(some);
  assert.deepEqual(some.responses[0].outputs.map(({ name }) => name), ["IDX"]);
});

Deno.test("execute() sends the next response only, and asks for another execution, where the model is iterative", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock, {
    schedulingChoice: { case: "sequenceBatching", value: { iterativeSequence: true } },
  });
  const first = request([5, 6], [0, 10], 0);
  const other = request([8], [0], 0);
  const run = (of: InferenceRequest) => {
    const made = new InferenceRequest("m", ""); // a scheduler makes one for each execution, of the client's tensors
    const execution = new Recorder(Object.assign(made, { inputs: [...of.inputs] }));
    instance.execute(execution);
    return execution;
  };
  const one = run(first);
  assert.deepEqual([one.values, one.rescheduled, one.finished], [[[5, 0]], 1, 1]);
  const between = run(other);
  assert.deepEqual([between.values, between.rescheduled, between.finished], [[[8, 0]], 0, 1]);
  const two = run(first);
  assert.equal(two.responses.length, 0);
  clock.advance(10);
  assert.deepEqual([two.values, two.rescheduled, two.finished], [[[6, 1]], 0, 1]);
});

Deno.test("execute() takes the next request after WAIT, whatever responses are due", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock);
  let told = 0;
  instance.onAvailable = () => told++;
  const first = new Recorder(request([1, 2], [0, 50], 20));
  instance.execute(first);
  assert.equal(instance.available, false);
  clock.advance(20);
  assert.deepEqual([instance.available, told], [true, 1]);
  const second = new Recorder(request([3], [0], 1000));
  instance.execute(second);
  assert.equal(second.finished, 1, "the end of the responses does not wait for WAIT");
  assert.equal(instance.available, false);
  clock.advance(30);
  assert.deepEqual([first.finished, first.responses.length], [1, 2]);
  clock.advance(970);
  assert.deepEqual([instance.available, told], [true, 2]);
});

Deno.test("execute() stops when the client goes, between responses and in WAIT", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock);
  const controller = new AbortController();
  const cancelled = request([1, 2], [0, 10], 100);
  cancelled.signal = controller.signal;
  const execution = new Recorder(cancelled);
  instance.execute(execution);
  controller.abort();
  assert.deepEqual([execution.responses.length, execution.finished, execution.error?.code], [1, 1, "CANCELLED"]);
  assert.equal(instance.available, true);
  clock.advance(1000);
  assert.deepEqual([execution.responses.length, execution.finished], [1, 1]);
  const late = new Recorder(cancelled);
  instance.execute(late);
  assert.deepEqual([late.responses.length, late.error?.code], [0, "CANCELLED"]);
});

Deno.test("execute() waits while the client does not read", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock);
  const execution = new Recorder(request([1, 2, 3], [0, 5, 0], 0));
  const { promise, resolve } = Promise.withResolvers<void>();
  execution.full = promise;
  instance.execute(execution);
  await Promise.resolve();
  assert.equal(execution.responses.length, 0);
  execution.full = undefined;
  resolve();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(execution.responses.length, 1);
  const second = Promise.withResolvers<void>();
  execution.full = second.promise;
  clock.advance(5);
  assert.equal(execution.responses.length, 1);
  execution.full = undefined;
  second.resolve();
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual([execution.responses.length, execution.finished], [3, 1]);
});

Deno.test("execute() refuses a DELAY of another length than IN", async () => {
  const { instances: [instance] } = await load(new ManualClock());
  const execution = new Recorder(request([1, 2], [0], 0));
  instance.execute(execution);
  assert.equal(execution.error?.message, "expected IN and DELAY shape to match, got [2] and [1]");
});

Deno.test("unload() ends what still runs", async () => {
  const clock = new ManualClock();
  const model = await load(clock);
  const execution = new Recorder(request([1, 2], [0, 10], 0));
  model.instances[0].execute(execution);
  await model.unload();
  assert.equal(execution.error?.code, "CANCELLED");
  clock.advance(100);
  assert.equal(execution.responses.length, 1);
});

Deno.test("unload() ends a WAIT", async () => {
  const clock = new ManualClock();
  let timers = 0;
  const counting = {
    now: () => clock.now(),
    after(ms: number, callback: () => void) {
      timers++;
      const cancel = clock.after(ms, callback);
      return () => void (timers--, cancel());
    },
  };
  const config = create(ModelConfigSchema, { name: "m", instanceGroup: [{ name: "g", count: 1 }], ...GOOD });
  const source = { name: "m", version: 3, directory: "/m", versionDirectory: "/m/3", config };
  const model = await new RepeatBackend(counting).load(source, context);
  const [instance] = model.instances;
  const execution = new Recorder(request([1], [0], 0xffff_ffff));
  instance.execute(execution);
  assert.deepEqual([execution.finished, instance.available, timers], [1, false, 1]);
  await model.unload();
  assert.deepEqual([instance.available, timers], [true, 0]);
});

Deno.test("load() refuses what is no repeat model, and says what it expects", async () => {
  const [values, delays, wait] = GOOD.input;
  const [out, index] = GOOD.output;
  const wrong: [Partial<TestConfig>, string][] = [
    [{ maxBatchSize: 2 }, "repeat backend only supports models with max_batch_size == 0 (model 'm')"],
    [{ input: [values, delays] }, "expected 3 inputs, got 2"],
    [{ output: [out, index, out] }, "expected 2 outputs, got 3"],
    [{ input: [delays, values, wait] }, "expected first input tensor name to be IN, got DELAY"],
    [{ output: [out, { ...index, name: "I" }] }, "expected second output tensor name to be IDX, got I"],
    [{ input: [values, delays, { ...wait, dims: [2n] }] }, "expected WAIT shape to be [1], got [2]"],
    [{ input: [{ ...values, dims: [1n, 2n] }, delays, wait] }, "expected IN shape to have one dimension, got [1,2]"],
    [
      { input: [{ ...values, dims: [4n] }, delays, wait] },
      "expected IN and DELAY shape to match, both being [4], got [-1]",
    ],
    [
      { output: [{ ...out, dataType: configTypeOf("FP32") }, index] },
      "expected OUT datatype to be INT32, got TYPE_FP32",
    ],
  ];
  for (const [changes, message] of wrong) {
    await assert.rejects(load(new ManualClock(), changes), { code: "INVALID_ARGUMENT", message });
  }
  await assert.rejects(load(new ManualClock(), { modelTransactionPolicy: undefined }), /decoupled: true/);
});
