import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import { Status } from "../../core/status.ts";
import type { Model } from "../../model_repository/model.ts";
import {
  type FakeModel,
  type FakeModelOptions,
  identityModel,
  responseOf,
  simpleModel,
} from "../testing/fake_repository.ts";
import { isCollected } from "../../core/testing/garbage.ts";
import { frameMessage } from "./frame.ts";
import { start } from "./testing/setup.ts";
import { requestFrame, StreamCall, summaryOf } from "./testing/stream_call.ts";

/** A request as a model got it, to be answered by the test. */
interface Held {
  readonly request: InferenceRequest;
  readonly sink: ResponseSink;
  respond(): void;
}

/** An identity model whose requests the test answers. */
class HeldModel {
  readonly calls: Held[] = [];
  readonly model: FakeModel;
  #wake: (() => void) | undefined;

  constructor(name: string, options: Partial<FakeModelOptions> = {}) {
    this.model = identityModel(name, "FP32", {
      run: (request, sink, model) => {
        const respond = () => sink.respond(responseOf(model as Model, request, request.inputs));
        this.calls.push({ request, sink, respond });
        this.#wake?.();
      },
      ...options,
    });
  }

  /** Waits for the call of this index. */
  async call(index: number): Promise<Held> {
    while (this.calls.length <= index) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.calls[index];
  }
}

const tensor = (name: string) => ({ name, datatype: "INT32", shape: [1n, 16n] });
const simple = (id: string) => ({
  modelName: "simple",
  id,
  inputs: [tensor("INPUT0"), tensor("INPUT1")],
  rawInputContents: [new Uint8Array(64), new Uint8Array(64)],
});
const identity = (modelName: string, id: string) => ({
  modelName,
  id,
  inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1n] }],
  rawInputContents: [new Uint8Array(4)],
});
const EMPTY_FINAL = {
  triton_enable_empty_final_response: { parameterChoice: { case: "boolParam" as const, value: true } },
};
const aborted = (request: InferenceRequest) =>
  new Promise<void>((resolve) => {
    if (request.signal!.aborted) resolve();
    else request.signal!.addEventListener("abort", () => resolve());
  });

for (const transport of ["socket", "node"] as const) {
  const test = (title: string, fn: () => Promise<void>) => Deno.test(`${title} on the ${transport} transport`, fn);

  test("ModelStreamInfer answers in the order of the requests, whatever is ready first", async () => {
    const slow = new HeldModel("slow");
    await using setup = await start([simpleModel(), slow.model], { transport });
    const call = new StreamCall(setup.client);
    call.send(identity("slow", "a"));
    call.send(simple("b"));
    call.send({ ...simple("c"), modelName: "unknown" });
    call.send(identity("slow", "d"));
    call.send(simple("e"));
    const [first, second] = [await slow.call(0), await slow.call(1)];
    second.respond();
    second.sink.finish();
    first.respond();
    first.sink.finish();
    const { messages, code } = await call.end();
    assert.equal(code, 0);
    assert.deepEqual(messages.map(summaryOf), [
      { error: "", id: "a", model: "slow:1", final: true, outputs: 1 },
      { error: "", id: "b", model: "simple:1", final: true, outputs: 2 },
      {
        error: "Request for unknown model: 'unknown' is not found",
        id: "c",
        model: ":",
        final: undefined,
        outputs: 0,
      },
      { error: "", id: "d", model: "slow:1", final: true, outputs: 1 },
      { error: "", id: "e", model: "simple:1", final: true, outputs: 2 },
    ]);
  });

  test("ModelStreamInfer sends responses of decoupled models at once, and their end where it is asked for", async () => {
    const [one, many] = [new HeldModel("one"), new HeldModel("many", { decoupled: true })];
    await using setup = await start([one.model, many.model], { transport });
    const call = new StreamCall(setup.client);
    call.send(identity("one", "held back"));
    call.send({ ...identity("many", "a"), parameters: EMPTY_FINAL });
    call.send(identity("many", "b"));
    const [a, b] = [await many.call(0), await many.call(1)];
    a.respond();
    b.respond();
    a.respond();
    assert.deepEqual((await call.messages(3)).map(summaryOf).map(({ id, final }) => [id, final]), [
      ["a", false],
      ["b", false],
      ["a", false],
    ]);
    a.sink.finish();
    b.sink.finish(new Status("INTERNAL", "late"));
    const ordered = await one.call(0);
    ordered.respond();
    ordered.sink.finish();
    const { messages, code } = await call.end();
    assert.equal(code, 0);
    assert.deepEqual(messages.slice(3).map(summaryOf), [
      { error: "", id: "a", model: "many:", final: true, outputs: 0 },
      { error: "late", id: "b", model: "many:", final: false, outputs: 0 },
      { error: "", id: "held back", model: "one:1", final: true, outputs: 1 },
    ]);
  });

  test("ModelStreamInfer tells of errors in messages and goes on", async () => {
    const failing = identityModel("failing", "FP32", {
      run: (_, sink) => sink.finish(new Status("UNAVAILABLE", "no room")),
    });
    const silent = identityModel("silent", "FP32", { run: (_, sink) => sink.finish() });
    await using setup = await start([simpleModel(), failing, silent], { transport });
    const call = new StreamCall(setup.client);
    call.send({ ...simple("bad"), inputs: [tensor("INPUT0")], rawInputContents: [new Uint8Array(64)] });
    call.send(identity("failing", "failed"));
    call.send(identity("silent", "silent"));
    call.send(simple("good"));
    const { messages, code } = await call.end();
    assert.equal(code, 0);
    const summaries = messages.map(summaryOf);
    assert.match(summaries[0].error, /^\[request id: bad\] expected 2 inputs but got 1 inputs for model 'simple'/);
    assert.deepEqual({ ...summaries[0], error: "" }, {
      error: "",
      id: "bad",
      model: ":",
      final: undefined,
      outputs: 0,
    });
    assert.deepEqual(summaries[1], { error: "no room", id: "failed", model: "failing:", final: true, outputs: 0 });
    assert.match(summaries[2].error, /exactly 1 response, got 0$/);
    assert.deepEqual([summaries[3].id, summaries[3].outputs], ["good", 2]);
  });

  test("ModelStreamInfer ends a strict stream with the first error of a model, and cancels the rest", async () => {
    const [slow, many] = [new HeldModel("slow"), new HeldModel("many", { decoupled: true })];
    await using setup = await start([simpleModel(), slow.model, many.model], { transport });
    const call = new StreamCall(setup.client, { triton_grpc_error: "true" });
    call.send({ ...simple("x"), modelName: "unknown" });
    call.send(simple("good"));
    call.send(identity("many", "many"));
    call.send(identity("slow", "failed"));
    call.send(identity("slow", "after"));
    const [failed, after, endless] = [await slow.call(0), await slow.call(1), await many.call(0)];
    after.respond();
    after.sink.finish();
    failed.sink.finish(new Status("NOT_FOUND", "deliberate"));
    const { code, message, body } = await call.result;
    assert.deepEqual([code, message], [5, "deliberate"]);
    assert.ok(body.length > 0);
    assert.deepEqual((await call.messages(2)).map(summaryOf).map(({ id }) => id), ["x", "good"]);
    await aborted(endless.request);
    const other = new StreamCall(setup.client, { triton_grpc_error: "1" });
    other.send(identity("slow", "failed"));
    (await slow.call(2)).sink.finish(new Status("NOT_FOUND", "deliberate"));
    assert.equal((await other.end()).code, 0);
  });

  test("ModelStreamInfer tells of requests that were not taken as of wrong ones, and a strict stream goes on", async () => {
    const run: FakeModelOptions["run"] = (_, sink) => refuse(sink, new Status("UNAVAILABLE", "no room"));
    const [full, many] = [
      identityModel("full", "FP32", { run }),
      identityModel("many", "FP32", { decoupled: true, run }),
    ];
    await using setup = await start([simpleModel(), full, many], { transport });
    const call = new StreamCall(setup.client, { triton_grpc_error: "true" });
    call.send(identity("full", "a"));
    call.send({ ...identity("many", "b"), parameters: EMPTY_FINAL });
    call.send(simple("good"));
    const { messages, code } = await call.end();
    assert.equal(code, 0);
    assert.deepEqual(messages.map(summaryOf), [
      { error: "no room", id: "a", model: ":", final: undefined, outputs: 0 },
      { error: "no room", id: "b", model: ":", final: undefined, outputs: 0 },
      { error: "", id: "good", model: "simple:1", final: true, outputs: 2 },
    ]);
  });

  test("ModelStreamInfer cancels what is in flight when the client gives up", async () => {
    const [slow, many] = [new HeldModel("slow"), new HeldModel("many", { decoupled: true })];
    await using setup = await start([slow.model, many.model], { transport });
    const call = new StreamCall(setup.client);
    call.send(identity("slow", "a"));
    call.send(identity("many", "b"));
    const [a, b] = [await slow.call(0), await many.call(0)];
    b.respond();
    await call.messages(1);
    call.cancel();
    await Promise.all([aborted(a.request), aborted(b.request)]);
    b.respond();
    a.sink.finish(new Status("CANCELLED", "gone"));
    b.sink.finish(new Status("CANCELLED", "gone"));
  });

  test("ModelStreamInfer ends with the client's deadline", async () => {
    const slow = new HeldModel("slow");
    await using setup = await start([slow.model], { transport });
    const call = new StreamCall(setup.client, { "grpc-timeout": "50m" });
    call.send(identity("slow", "a"));
    await aborted((await slow.call(0)).request);
    const { code, message } = await call.result;
    assert.deepEqual([code, message], [4, "Deadline Exceeded"]);
    const wrong = new StreamCall(setup.client, { "grpc-timeout": "soon" });
    assert.equal((await wrong.result).code, 3);
  });

  test("ModelStreamInfer ends streams when the server stops, after what is in flight", async () => {
    const slow = new HeldModel("slow");
    await using setup = await start([slow.model], { transport });
    const [idle, busy] = [new StreamCall(setup.client), new StreamCall(setup.client)];
    busy.send(identity("slow", "a"));
    const held = await slow.call(0);
    const stopped = setup.server.stop(500);
    assert.deepEqual((await idle.result).code, 14);
    held.respond();
    held.sink.finish();
    const { code, message } = await busy.result;
    assert.deepEqual([code, message], [14, "the server is shutting down"]);
    assert.equal((await busy.messages(1))[0].inferResponse!.id, "a");
    await stopped;
  });

  test("ModelStreamInfer ends with an error where the bytes are no messages", async () => {
    await using setup = await start([simpleModel()], { transport });
    for (
      const [bytes, text] of [
        [frameMessage(new Uint8Array([0xff])), /^Unable to parse request/],
        [new Uint8Array([7, 0, 0, 0, 0]), /its first byte is 7, expected 0 or 1/],
        [requestFrame(simple("")).subarray(0, 20), /it was cut off after 20 of/],
      ] as const
    ) {
      const call = new StreamCall(setup.client);
      call.send(simple("before"));
      await call.messages(1);
      call.stream.end(bytes);
      const { code, message } = await call.result;
      assert.equal(code, 13);
      assert.match(message, text);
    }
  });
}

Deno.test("ModelStreamInfer keeps no request that it has answered while others are in flight", async () => {
  let answered: WeakRef<object> | undefined;
  const waiting: (() => void)[] = [];
  const slow = identityModel("slow", "FP32", {
    run(request, sink, model) {
      answered ??= new WeakRef(sink);
      waiting.push(() => {
        sink.respond(responseOf(model as Model, request, request.inputs));
        sink.finish();
      });
    },
  });
  await using setup = await start([slow]);
  slow.received.push = () => 0;
  const call = new StreamCall(setup.client);
  for (let i = 0; i < 10; i++) call.send(identity("slow", `${i}`));
  while (waiting.length < 10) await new Promise((resolve) => setTimeout(resolve, 0));
  waiting.shift()!();
  await call.messages(1);
  assert.ok(await isCollected(answered!));
  for (const answer of waiting) answer();
  assert.equal((await call.end()).messages.length, 10);
});

Deno.test("ModelStreamInfer takes and sends compressed messages", async () => {
  await using setup = await start([simpleModel()], { responseCompression: "low" });
  const call = new StreamCall(setup.client, { "grpc-encoding": "gzip", "grpc-accept-encoding": "gzip" });
  for (let i = 0; i < 3; i++) {
    const message = requestFrame(simple(`${i}`)).subarray(5);
    call.stream.write(frameMessage(zlib.gzipSync(message), true));
  }
  call.stream.end();
  const { headers, body, code } = await call.result;
  assert.equal(code, 0);
  assert.equal(headers["grpc-encoding"], "gzip");
  let count = 0;
  for (let at = 0; at < body.length; count++) {
    assert.equal(body[at], 1);
    const length = new DataView(body.buffer, body.byteOffset + at).getUint32(1);
    assert.ok(zlib.gunzipSync(body.subarray(at + 5, at + 5 + length)).length > length);
    at += 5 + length;
  }
  assert.equal(count, 3);
});

Deno.test("ModelStreamInfer passes the parameters of a request on, and metadata that is to be forwarded", async () => {
  const held = new HeldModel("held");
  await using setup = await start([held.model], { headerForwardPattern: /^x-/ });
  const call = new StreamCall(setup.client, { "x-tenant": "t" });
  const int = (value: bigint) => ({ parameterChoice: { case: "int64Param" as const, value } });
  const bool = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
  call.send({
    ...identity("held", "a"),
    parameters: {
      sequence_id: int(42n),
      sequence_start: bool(true),
      sequence_end: bool(true),
      priority: int(2n),
      timeout: int(1500n),
      own: int(7n),
    },
  });
  const { request, sink, respond } = await held.call(0);
  assert.deepEqual(
    [request.correlationId, request.sequenceStart, request.sequenceEnd, request.priority, request.timeoutMicros],
    [42, true, true, 2, 1500],
  );
  assert.deepEqual([...request.parameters!], [["own", 7], ["x-tenant", "t"]]);
  respond();
  sink.finish();
  call.send({ ...identity("held", "b"), parameters: { triton_x: int(1n) } });
  call.send({ ...identity("held", "c"), parameters: { triton_enable_empty_final_response: int(1n) } });
  const { messages } = await call.end();
  assert.match(messages[1].errorMessage, /^parameter keys starting with 'triton_' are reserved/);
  assert.match(messages[2].errorMessage, /expected bool_param\.$/);
});

Deno.test("ModelStreamInfer returns classes, with the parameters of the response", async () => {
  const model = identityModel("m", "FP32", {
    run(request, sink, model) {
      const parameters = new Map([["own", "x"]]);
      sink.respond({ ...responseOf(model, request, [{ ...request.inputs[0], name: "OUTPUT0" }]), parameters });
      sink.finish();
    },
  });
  await using setup = await start([model]);
  const call = new StreamCall(setup.client);
  const classification = { parameterChoice: { case: "int64Param" as const, value: 1n } };
  call.send({
    ...identity("m", "a"),
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: [2n] }],
    rawInputContents: [new Uint8Array(new Float32Array([1, 3]).buffer)],
    outputs: [{ name: "OUTPUT0", parameters: { classification } }],
  });
  const { messages: [{ inferResponse }] } = await call.end();
  assert.equal(new TextDecoder().decode(inferResponse!.rawOutputContents[0].subarray(4)), "3.000000:1");
  assert.equal(inferResponse!.parameters.own.parameterChoice.value, "x");
  assert.equal(inferResponse!.parameters.triton_final_response.parameterChoice.value, true);
});

Deno.test("ModelStreamInfer holds a decoupled model back while the client does not read", async () => {
  const many = new HeldModel("many", { decoupled: true });
  await using setup = await start([many.model]);
  const call = new StreamCall(setup.client);
  call.stream.pause();
  call.send({
    ...identity("many", "a"),
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: [250000n] }],
    rawInputContents: [new Uint8Array(1_000_000)],
  });
  const { respond, sink } = await many.call(0);
  let sent = 0;
  let room: Promise<void> | undefined;
  for (; sent < 100 && !room; sent++) {
    respond();
    await new Promise((resolve) => setTimeout(resolve));
    room = sink.backpressure!();
  }
  assert.ok(room, "100 MB are more than may wait");
  call.stream.resume();
  await room;
  respond();
  sink.finish();
  assert.equal((await call.end()).messages.length, sent + 1);
});

Deno.test("ModelStreamInfer answers gRPC-Web, too", async () => {
  await using setup = await start([simpleModel()]);
  const answer = await fetch(`http://127.0.0.1:${setup.server.port}/inference.GRPCInferenceService/ModelStreamInfer`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto" },
    body: new Blob([requestFrame(simple("a")), requestFrame({ ...simple("b"), modelName: "nope" })] as BlobPart[]),
  });
  const bytes = await answer.bytes();
  const text = new TextDecoder().decode(bytes);
  assert.equal(answer.status, 200);
  assert.match(text, /'nope' is not found/);
  assert.match(text, /grpc-status: 0/);
});
