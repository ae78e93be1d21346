import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { InferenceRequest, type InferenceResponse } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Execution } from "../backend.ts";
import type { EchoOptions } from "./testing/echo_worker.ts";
import { Survivors } from "./survivors.ts";
import { WorkerInstance, type WorkerInstanceOptions, WorkerLoadError } from "./worker_instance.ts";

function start(
  options: EchoOptions = {},
  executionTimeoutSecs?: number,
  more: Partial<WorkerInstanceOptions<EchoOptions>> = {},
): Promise<WorkerInstance<EchoOptions>> {
  return WorkerInstance.start({
    name: "echo_0",
    group: "echo",
    modelName: "echo",
    modelVersion: "1",
    module: new URL("./testing/echo_worker.ts", import.meta.url),
    options,
    inputs: [{ name: "IN0", datatype: "UINT8" }, { name: "IN1", datatype: "INT64" }],
    outputs: [{ name: "OUT0", datatype: "UINT8" }, { name: "OUT1", datatype: "INT64" }],
    blocking: !options.asynchronous,
    executionTimeoutSecs,
    ...more,
  });
}

const bytes = (name: string, length: number, first: number): Tensor => {
  const data = new Uint8Array(length).map((_, index) => index);
  if (length > 0) data[0] = first;
  return { name, datatype: "UINT8", shape: [1, length], data };
};
const numbers = (...values: number[]): Tensor => ({
  name: "IN1",
  datatype: "INT64",
  shape: [1, values.length],
  data: new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer),
});

function request(inputs: Tensor[], outputs: string[] = []): InferenceRequest {
  const made = new InferenceRequest("echo", "1");
  made.inputs = inputs;
  made.outputs = outputs;
  return made;
}

function execute(instance: WorkerInstance<EchoOptions>, ...requests: InferenceRequest[]): Promise<InferenceResponse[]> {
  return new Promise((resolve, reject) => {
    const responses: InferenceResponse[] = [];
    const execution: Execution = {
      requests,
      respond: (index, response) => responses[index] = response,
      fail: (_index, error) => reject(error),
      finish: (_timing, error) => error ? reject(error) : resolve(responses),
    };
    instance.execute(execution);
  });
}

for (const asynchronous of [false, true]) {
  Deno.test(`WorkerInstance carries small and large tensors both ways (${asynchronous ? "event loop" : "blocking"})`, async () => {
    const instance = await start({ asynchronous });
    try {
      for (const length of [0, 1, 7, 64_000, 65_536, 1_000_000]) {
        const input = bytes("IN0", length, 1);
        const [{ outputs }] = await execute(instance, request([input, numbers(1, 2, 3)]));
        assert.deepEqual(outputs.map(({ name }) => name), ["OUT0", "OUT1"]);
        assert.deepEqual(outputs[0].shape, [1, length]);
        assert.equal(Buffer.compare(outputs[0].data, input.data), 0, `${length} bytes`);
        assert.deepEqual(outputs[1].data, numbers(1, 2, 3).data);
        assert.equal(input.data.length, length, "the request keeps its bytes");
      }
    } finally {
      await instance.stop();
    }
  });
}

Deno.test("WorkerInstance answers many executions at once in their order", async () => {
  const instance = await start();
  try {
    for (let round = 0; round < 50; round++) {
      const answers = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7].map((value) =>
          execute(instance, request([bytes("IN0", value % 3 ? 8 : 200_000, value), numbers(value)], ["OUT0"]))
        ),
      );
      assert.deepEqual(answers.map(([{ outputs }]) => outputs[0].data[0]), [1, 2, 3, 4, 5, 6, 7]);
      assert.ok(answers.every(([{ outputs }]) => outputs.length === 1));
    }
  } finally {
    await instance.stop();
  }
});

Deno.test("WorkerInstance concatenates a batch and gives each request its rows and its outputs", async () => {
  const instance = await start();
  try {
    const first = request([bytes("IN0", 4, 10), numbers(1, 2)]);
    const second = request([numbers(3, 4), bytes("IN0", 4, 20)], ["OUT1"]);
    const [a, b] = await execute(instance, first, second);
    assert.deepEqual(a.outputs.map(({ name, shape }) => [name, shape]), [["OUT0", [1, 4]], ["OUT1", [1, 2]]]);
    assert.equal(a.outputs[0].data[0], 10);
    assert.deepEqual(b.outputs.map(({ name }) => name), ["OUT1"]);
    assert.deepEqual(b.outputs[0].data, numbers(3, 4).data);
  } finally {
    await instance.stop();
  }
});

Deno.test("WorkerInstance reports a batch whose outputs have another number of rows", async () => {
  const instance = await start();
  try {
    const both = [request([bytes("IN0", 4, 253), numbers(1)]), request([bytes("IN0", 4, 1), numbers(1)])];
    await assert.rejects(execute(instance, ...both), /has shape \[4,4\], expected 2 rows/);
  } finally {
    await instance.stop();
  }
});

Deno.test("WorkerInstance hands on what the model throws and goes on", async () => {
  const instance = await start();
  try {
    await assert.rejects(execute(instance, request([bytes("IN0", 4, 250), numbers(1)])), {
      code: "INTERNAL",
      message: "the model says no",
    });
    const [{ outputs }] = await execute(instance, request([bytes("IN0", 4, 1), numbers(1)]));
    assert.equal(outputs.length, 2);
  } finally {
    await instance.stop();
  }
});

for (const [trouble, order] of [["crashes", 251], ["hangs", 252]] as const) {
  Deno.test(`WorkerInstance fails what is in flight and restarts when its worker ${trouble}`, async () => {
    const instance = await start({}, 0.5);
    try {
      const back = new Promise<void>((resolve) => instance.onAvailable = resolve);
      await assert.rejects(execute(instance, request([bytes("IN0", 4, order), numbers(1)])), (error: Status) => {
        return error.code === "UNAVAILABLE" && /instance 'echo_0' of model 'echo'/.test(error.message);
      });
      assert.equal(instance.available, false);
      await back;
      const [{ outputs }] = await execute(instance, request([bytes("IN0", 4, 1), numbers(1)]));
      assert.equal(outputs[0].data[0], 1);
      assert.equal(instance.restarts, 1);
    } finally {
      await instance.stop();
    }
  });
}

Deno.test("WorkerInstance is given up when it hangs again and again, and leaves requests to others while it can", async () => {
  const survivors = new Survivors();
  const log: string[] = [];
  const onLog = (_: string, text: string) => log.push(text);
  const hangs = await start({}, 0.1, { survivors, onLog });
  const other = await start({}, 0.1, { survivors });
  const hang = (instance: WorkerInstance<EchoOptions>) =>
    execute(instance, request([bytes("IN0", 4, 252), numbers(1)])).then(() => assert.fail(), (error: Status) => error);
  const back = (instance: WorkerInstance<EchoOptions>) =>
    new Promise<void>((resolve) => instance.onAvailable = resolve);
  try {
    for (let restart = 1; restart <= 3; restart++) {
      const again = back(hangs);
      assert.match((await hang(hangs)).message, /The instance is being restarted/);
      await again;
      assert.equal(hangs.restarts, restart);
    }
    const last = await hang(hangs);
    assert.equal(last.code, "UNAVAILABLE");
    assert.match(
      last.message,
      /^instance 'echo_0' of model 'echo' is not running: 4 executions .* restart the server, or load the model again/,
    );
    assert.equal(hangs.available, false, "another instance can take what comes");
    assert.equal(log.filter((text) => text === last.message).length, 1);

    let lost: Status | undefined;
    survivors.lost.then((reason) => lost = reason);
    const refuses = back(hangs);
    for (let restart = 1; restart <= 3; restart++) {
      const again = back(other);
      await hang(other);
      await again;
    }
    assert.equal(lost, undefined);
    const reason = await hang(other);
    await refuses;
    assert.equal(lost, reason);
    for (const instance of [hangs, other]) {
      assert.equal(instance.available, true, "nobody else would refuse what waits");
      await assert.rejects(
        execute(instance, request([bytes("IN0", 4, 1), numbers(1)])),
        /is not running: 4 executions/,
      );
    }
    assert.equal(hangs.restarts, 3);
  } finally {
    await hangs.stop();
    await other.stop();
  }
});

Deno.test("WorkerInstance.start() throws the model's reason when it does not load", async () => {
  await assert.rejects(start({ failLoad: "no such file" }), (error) => {
    assert.ok(error instanceof WorkerLoadError);
    assert.equal(error.status.code, "INVALID_ARGUMENT");
    return error.message === "no such file" && error.kind === "Status";
  });
});

Deno.test("WorkerInstance.run() runs outside any scheduler", async () => {
  const instance = await start();
  try {
    const [output] = await instance.run([bytes("IN0", 4, 9), numbers(5)], ["OUT1"]);
    assert.deepEqual(output.data, numbers(5).data);
  } finally {
    await instance.stop();
  }
});

Deno.test("WorkerInstance moves the memory that is a request's alone, and says which a response owns", async () => {
  const instance = await start();
  try {
    const own = request([bytes("IN0", 100_000, 7), numbers(4)]);
    own.memory = own.inputs[0].data.buffer as ArrayBuffer;
    const kept = own.inputs[1].data;
    const [{ outputs, memory }] = await execute(instance, own);
    assert.equal(own.inputs[0].data.length, 0, "moved");
    assert.deepEqual(kept, numbers(4).data, "not the request's alone: copied");
    assert.equal(outputs[0].data[0], 7);
    assert.equal(outputs[0].data.length, 100_000);
    assert.deepEqual(outputs[1].data, numbers(4).data);
    assert.deepEqual(memory, [outputs[0].data.buffer]);
    const [small] = await execute(instance, request([bytes("IN0", 8, 7), numbers(4)]));
    assert.equal(small.memory, undefined);
  } finally {
    await instance.stop();
  }
});
