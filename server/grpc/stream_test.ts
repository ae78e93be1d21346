import assert from "node:assert/strict";
import { refuse } from "../../core/responses.ts";
import { Status } from "../../core/status.ts";
import { type FakeModelOptions, identityModel, simpleModel } from "../testing/fake_repository.ts";
import { frameMessage } from "./frame.ts";
import { start } from "./testing/setup.ts";
import { requestFrame, StreamCall, summaryOf } from "./testing/stream_call.ts";
import { aborted, EMPTY_FINAL, HeldModel, identity, simple, tensor } from "./testing/stream_models.ts";

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
