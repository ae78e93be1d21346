import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ManualClock } from "../../core/clock.ts";
import { configTypeOf, type DataType, ELEMENT_SIZE } from "../../core/data_type.ts";
import { InferenceRequest, type InferenceResponse } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { encodeBytes, type Tensor } from "../../core/tensor.ts";
import { ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import type { BackendContext, Execution, ExecutionTiming } from "../backend.ts";
import { IdentityBackend, type IdentityModel } from "./mod.ts";

const context: BackendContext = { settings: new Map(), info() {}, warning() {} };

function load(clock: ManualClock, parameters: Record<string, string> = {}, count = 1): Promise<IdentityModel> {
  const tensors = (prefix: string) =>
    ["A", "B"].map((name) => ({ name: prefix + name, dataType: configTypeOf("FP32"), dims: [-1n] }));
  const config = create(ModelConfigSchema, {
    name: "m",
    backend: "identity",
    input: tensors("IN_"),
    output: tensors("OUT_"),
    instanceGroup: [{ name: "g", count }],
    parameters: Object.fromEntries(Object.entries(parameters).map(([key, stringValue]) => [key, { stringValue }])),
  });
  const source = { name: "m", version: 3, directory: "/m", versionDirectory: "/m/3", config };
  return new IdentityBackend(clock).load(source, context);
}

class Recorder implements Execution {
  readonly responses: (InferenceResponse | undefined)[];
  readonly errors: (Status | undefined)[];
  timing: ExecutionTiming | undefined;
  constructor(readonly requests: readonly InferenceRequest[]) {
    this.responses = requests.map(() => undefined);
    this.errors = requests.map(() => undefined);
  }
  respond(index: number, response: InferenceResponse): void {
    assert.equal(this.responses[index], undefined);
    this.responses[index] = response;
  }
  fail(index: number, error: Status): void {
    this.errors[index] = error;
  }
  finish(timing: ExecutionTiming): void {
    assert.equal(this.timing, undefined);
    this.timing = timing;
  }
}

function request(id: string, inputs: Tensor[], outputs: string[] = []): InferenceRequest {
  const made = new InferenceRequest("m", "");
  Object.assign(made, { id, inputs, outputs });
  return made;
}

function tensor(name: string, datatype: DataType = "FP32", shape = [2]): Tensor {
  const data = datatype === "BYTES" ? encodeBytes(["x", ""]) : new Uint8Array(2 * ELEMENT_SIZE[datatype]).fill(7);
  return { name, datatype, shape, data };
}

Deno.test("execute() repeats every input under its output's name, for several requests at once", async () => {
  const { instances: [instance] } = await load(new ManualClock());
  const both = request("1", [tensor("IN_B"), tensor("IN_A")]);
  const execution = new Recorder([both, request("2", [tensor("IN_B")]), request("3", [tensor("IN_A")], ["OUT_B"])]);
  instance.execute(execution);
  const outputs = execution.responses.map((response) => response!.outputs.map(({ name }) => name));
  assert.deepEqual(outputs, [["OUT_B", "OUT_A"], ["OUT_B"], []]);
  assert.equal(execution.responses[0]!.outputs[0].data, both.inputs[0].data);
  assert.deepEqual(execution.responses.map((response) => response!.id), ["1", "2", "3"]);
  assert.deepEqual([execution.responses[0]!.modelName, execution.responses[0]!.modelVersion], ["m", "3"]);
  assert.deepEqual(execution.timing, { inputMs: 0, inferMs: 0, outputMs: 0 });
});

Deno.test("execute() takes every datatype and empty tensors, and counts the bytes", async () => {
  const model = await load(new ManualClock(), {}, 2);
  let bytes = 0;
  for (const datatype of Object.keys(ELEMENT_SIZE) as DataType[]) {
    const input = tensor("IN_A", datatype);
    const execution = new Recorder([request("", [input])]);
    model.instances[bytes % 2].execute(execution);
    assert.deepEqual(execution.responses[0]!.outputs, [{ ...input, name: "OUT_A" }]);
    bytes += input.data.length;
  }
  const empty: Tensor = { name: "IN_A", datatype: "FP32", shape: [0, 3], data: new Uint8Array() };
  const execution = new Recorder([request("", [empty])]);
  model.instances[0].execute(execution);
  assert.deepEqual(execution.responses[0]!.outputs[0].shape, [0, 3]);
  assert.deepEqual(model.counters.map(({ name, value }) => [name, value]), [["input_byte_size_counter", bytes]]);
});

Deno.test("execute() sends the demonstration parameters with every response", async () => {
  const { instances: [instance] } = await load(new ManualClock());
  const execution = new Recorder([request("", [tensor("IN_A")])]);
  instance.execute(execution);
  assert.deepEqual(Object.fromEntries(execution.responses[0]!.parameters!), {
    param0: "an example string parameter",
    param1: 42,
    param2: false,
    param3: 123.123,
  });
});

Deno.test("execute() takes its delay, multiplied by the instance's index", async () => {
  const clock = new ManualClock();
  const { instances } = await load(clock, { execute_delay_ms: "100", instance_wise_delay_multiplier: "3" }, 3);
  assert.deepEqual(instances.map(({ name }) => name), ["g_0", "g_1", "g_2"]);
  const executions = instances.map((instance) => {
    const execution = new Recorder([request("", [tensor("IN_A")])]);
    instance.execute(execution);
    return execution;
  });
  const done = () => executions.map(({ timing }) => timing?.inferMs);
  clock.advance(99);
  assert.deepEqual(done(), [undefined, undefined, undefined]);
  clock.advance(1);
  assert.deepEqual(done(), [100, undefined, undefined]);
  clock.advance(200);
  assert.deepEqual(done(), [100, 300, undefined]);
  clock.advance(300);
  assert.deepEqual(done(), [100, 300, 600]);
});

Deno.test("execute() drops a request that was cancelled, and answers the others", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock, { execute_delay_ms: "10" });
  const abort = new AbortController();
  const cancelled = request("1", [tensor("IN_A")]);
  cancelled.signal = abort.signal;
  const execution = new Recorder([cancelled, request("2", [tensor("IN_A")])]);
  instance.execute(execution);
  abort.abort();
  clock.advance(10);
  assert.equal(execution.errors[0]!.code, "CANCELLED");
  assert.equal(execution.responses[0], undefined);
  assert.equal(execution.responses[1]!.id, "2");
});

Deno.test("load() takes creation_delay_sec", async () => {
  const clock = new ManualClock();
  let loaded = false;
  const loading = load(clock, { creation_delay_sec: "2" }).then(() => loaded = true);
  clock.advance(1999);
  await Promise.resolve();
  assert.equal(loaded, false);
  clock.advance(1);
  await loading;
});

Deno.test("load() refuses parameters that are not what they should be", async () => {
  const refuses = (key: string, value: string, message: string) =>
    assert.rejects(load(new ManualClock(), { [key]: value }), (error: Status) => error.message === message);
  await refuses(
    "execute_delay_ms",
    "soon",
    "parameter 'execute_delay_ms' of model 'm' has the value 'soon', expected an integer of at least 0",
  );
  await refuses(
    "enable_custom_tracing",
    "maybe",
    "parameter 'enable_custom_tracing' of model 'm' has the value 'maybe', expected true or false",
  );
  await load(new ManualClock(), { enable_custom_tracing: "TRUE", nested_span_count: "2" });
});

Deno.test("execute() ends its delay when nobody waits for any of its requests", async () => {
  const clock = new ManualClock();
  const { instances: [instance] } = await load(clock, { execute_delay_ms: "100" });
  const [a, b] = [new AbortController(), new AbortController()];
  const cancellable = (id: string, { signal }: AbortController) =>
    Object.assign(request(id, [tensor("IN_A")]), { signal });
  const execution = new Recorder([cancellable("1", a), cancellable("2", b)]);
  instance.execute(execution);
  a.abort();
  assert.equal(execution.timing, undefined);
  clock.advance(40);
  b.abort();
  assert.deepEqual(execution.timing, { inputMs: 0, inferMs: 40, outputMs: 0 });
  assert.deepEqual(execution.errors.map((error) => error?.code), ["CANCELLED", "CANCELLED"]);
  clock.advance(100);
  const partly = new Recorder([cancellable("1", a), cancellable("2", new AbortController())]);
  instance.execute(partly);
  clock.advance(100);
  assert.deepEqual(partly.responses.map((response) => response?.id), [undefined, "2"]);
});
