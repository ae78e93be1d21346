import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { isCollected } from "../../core/testing/garbage.ts";
import type { Model } from "../../model_repository/model.ts";
import { identityModel, responseOf, simpleModel } from "../testing/fake_repository.ts";
import { frameMessage } from "./frame.ts";
import { start } from "./testing/setup.ts";
import { requestFrame, StreamCall } from "./testing/stream_call.ts";
import { HeldModel, identity, simple } from "./testing/stream_models.ts";

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
