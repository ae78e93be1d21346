import assert from "node:assert/strict";
import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { InferenceServer } from "../inference_server.ts";
import { FakeRepository, identityModel, responseOf, simpleModel } from "../testing/fake_repository.ts";
import { DEFAULT_MAX_INPUT_SIZE } from "./options.ts";
import { serveHttp } from "./serve.ts";
import { call, testApp } from "./testing.ts";

/** Answers INPUT0[0] times with INPUT0 as OUTPUT0, then with an error where there is a second element. */
const many = identityModel("many", "INT32", {
  decoupled: true,
  run(request, sink, model) {
    const [count, error] = new Int32Array(request.inputs[0].data.slice().buffer);
    for (let i = 0; i < count; i++) {
      const data = new Uint8Array(Int32Array.of(i).buffer);
      sink.respond(responseOf(model, request, [{ name: "OUTPUT0", datatype: "INT32", shape: [1], data }]));
    }
    sink.finish(error ? new Status("UNAVAILABLE", "no more") : undefined);
  },
});
const models = [simpleModel(), identityModel("text", "BYTES"), many];
const ones = new Array(16).fill(1);

Deno.test("generate answers with one flat object, its keys sorted", async () => {
  const app = testApp(models);
  const body = JSON.stringify({ id: "q", INPUT0: ones, INPUT1: ones });
  const answer = await call(app, "POST", "/v2/models/simple/versions/1/generate", body);
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "application/json"]);
  assert.equal(
    answer.text,
    `{"OUTPUT0":[${ones.map(() => 2)}],"OUTPUT1":[${
      ones.map(() => 0)
    }],"id":"q","model_name":"simple","model_version":"1"}`,
  );
  const single = await call(app, "POST", "/v2/models/text/generate", '{"INPUT0":"a\\"b"}');
  assert.equal(single.text, '{"OUTPUT0":"a\\"b","model_name":"text","model_version":"1"}');
});

Deno.test("generate shows parameters of the response beside the outputs", async () => {
  const parameters = new Map<string, string | number | bigint | boolean>([["Z", 2n ** 60n], ["a", true], ["s", "x"]]);
  const app = testApp([
    identityModel("m", "FP32", {
      run(request, sink, model) {
        sink.respond({ ...responseOf(model, request, []), parameters });
        sink.finish();
      },
    }),
  ]);
  const { text } = await call(app, "POST", "/v2/models/m/generate", '{"INPUT0":1}');
  assert.equal(text, '{"Z":1152921504606846976,"a":true,"model_name":"m","model_version":"1","s":"x"}');
});

Deno.test("generate takes one response of a decoupled model; any other number is an error", async () => {
  const app = testApp(models);
  const answer = (body: string) => call(app, "POST", "/v2/models/many/generate", body);
  assert.equal((await answer('{"INPUT0":1}')).text, '{"OUTPUT0":0,"model_name":"many","model_version":"1"}');
  for (const count of [0, 3]) {
    const wrong = await answer(`{"INPUT0":${count}}`);
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.error, /^generate expects model to produce exactly 1 response, use generate stream/);
  }
  for (const count of [0, 1]) {
    const failed = await answer(`{"INPUT0":[${count},1]}`);
    assert.deepEqual([failed.status, failed.json], [503, { error: "no more" }]);
  }
  assert.equal((await answer('{"INPUT0":[3,1]}')).status, 400);
});

Deno.test("generate_stream answers with an event for each response, and for a later error", async () => {
  const app = testApp(models);
  const answer = (body: string) => call(app, "POST", "/v2/models/many/generate_stream", body);
  const event = (i: number) => `data: {"OUTPUT0":${i},"model_name":"many","model_version":"1"}\n\n`;
  const three = await answer('{"INPUT0":3}');
  assert.deepEqual([three.status, three.headers.get("content-type")], [200, "text/event-stream; charset=utf-8"]);
  assert.equal(three.text, event(0) + event(1) + event(2));
  const none = await answer('{"INPUT0":0}');
  assert.deepEqual([none.status, none.text], [200, ""]);
  const late = await answer('{"INPUT0":[2,1]}');
  assert.deepEqual([late.status, late.text], [200, event(0) + event(1) + 'data: {"error":"no more"}\n\n']);
  const early = await answer('{"INPUT0":[0,1]}');
  assert.deepEqual([early.status, early.json], [503, { error: "no more" }]);
  const body = JSON.stringify({ INPUT0: ones, INPUT1: ones });
  const unary = await call(app, "POST", "/v2/models/simple/generate_stream", body);
  assert.match(unary.text, /^data: {"OUTPUT0":\[2.*}\n\n$/);
});

Deno.test("generate and generate_stream answer errors before inference as other routes do", async () => {
  const app = testApp(models);
  for (const path of ["generate", "generate_stream"]) {
    const answer = async (model: string, body: string, headers = {}) => {
      const { status, json } = await call(app, "POST", `/v2/models/${model}/${path}`, body, headers);
      return [status, json?.error];
    };
    assert.deepEqual(await answer("nope", "{}"), [404, "Request for unknown model: 'nope' is not found"]);
    assert.equal((await answer("broken", "{}"))[0], 404);
    assert.match((await answer("simple", '{"INPUT0":[1]}'))[1], /^The schema can not convert input 'INPUT0'/);
    assert.match(
      (await answer("simple", JSON.stringify({ INPUT0: ones })))[1],
      /missing required input\(s\) \['INPUT1'\]/,
    );
    const twice = await answer("text", '{"INPUT0":"x","parameters":{"INPUT0":"y"}}');
    assert.deepEqual(twice, [
      400,
      "Converting keyword: 'parameters': [request id: <id_unknown>] input 'INPUT0' already exists in request",
    ]);
    const [status, error] = await answer("text", "x", { "content-encoding": "gzip" });
    assert.equal(status, 400);
    assert.match(error, /^Unsupported content-encoding, only 'identity' is supported\./);
    assert.equal((await answer("text", '{"INPUT0":"x"}', { "content-encoding": "identity" }))[0], 200);
    assert.equal((await call(app, "GET", `/v2/models/simple/${path}`)).status, 405);
  }
});

Deno.test("generate forwards headers that are to be, and bodies have a limit", async () => {
  const model = identityModel("m", "FP32");
  const app = testApp([model], { headerForwardPattern: /^x-/, maxInputSize: 100 });
  await call(app, "POST", "/v2/models/m/generate", '{"INPUT0":1,"x-a":"body"}', { "x-a": "header" });
  assert.equal(model.received[0].parameters!.get("x-a"), "header");
  const large = await call(app, "POST", "/v2/models/m/generate_stream", `{"INPUT0":1,"x":"${"y".repeat(100)}"}`);
  assert.equal(large.status, 400);
  assert.match(large.json.error, /exceeds the maximum allowed input size of 100 bytes/);
});

Deno.test("generate and generate_stream end the work when the client goes", async () => {
  for (const [path, responses] of [["generate", 0], ["generate_stream", 0], ["generate_stream", 2]] as const) {
    const arrived = Promise.withResolvers<{ request: InferenceRequest; sink: ResponseSink }>();
    const model = identityModel("held", "INT32", {
      decoupled: true,
      run(request, sink, model) {
        for (let i = 0; i < responses; i++) sink.respond(responseOf(model, request, []));
        arrived.resolve({ request, sink });
      },
    });
    const server = new InferenceServer(new FakeRepository([model]), "triton", true);
    const service = serveHttp(server, { hostname: "127.0.0.1", port: 0, maxInputSize: DEFAULT_MAX_INPUT_SIZE });
    const client = new AbortController();
    const reading = fetch(`http://127.0.0.1:${service.port}/v2/models/held/${path}`, {
      method: "POST",
      body: '{"INPUT0":1}',
      signal: client.signal,
    }).then((answer) => answer.text());
    const { request, sink } = await arrived.promise;
    const aborted = new Promise((resolve) => request.signal!.addEventListener("abort", resolve));
    // Long enough for the first responses to be on their way.
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.abort();
    await assert.rejects(reading);
    await aborted;
    if (path === "generate_stream") {
      // a model that goes on all the same
      for (let i = 0; i < 200; i++) sink.respond(responseOf(model, request, []));
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert.equal(sink.backpressure!(), undefined, "what nobody reads is not kept");
    }
    sink.finish(new Status("CANCELLED", "gone"));
    await service.stop(100);
  }
});
