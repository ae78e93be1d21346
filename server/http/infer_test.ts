import assert from "node:assert/strict";
import { encodeBytes } from "../../core/tensor.ts";
import { Status } from "../../core/status.ts";
import { identityModel, responseOf, simpleModel } from "../testing/fake_repository.ts";
import { call, mixedBody, simpleRequest, testApp } from "./testing.ts";

const app = testApp([
  simpleModel(),
  identityModel("identity_fp32", "FP32"),
  identityModel("identity_int32", "INT32"),
  identityModel("identity_int64", "INT64"),
  identityModel("identity_bytes", "BYTES"),
  identityModel("identity_bool", "BOOL"),
  identityModel("decoupled", "FP32", { decoupled: true }),
]);
const SIMPLE = "/v2/models/simple/infer";
const SUM = Array.from({ length: 16 }, (_, i) => i + 1);
const DIFFERENCE = Array.from({ length: 16 }, (_, i) => i - 1);

function bytesOf(values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

async function errorOf(path: string, body: string, headers?: Record<string, string>): Promise<[number, string]> {
  const { status, json } = await call(app, "POST", `/v2/models/${path}/infer`, body, headers);
  return [status, json.error];
}

Deno.test("infer answers JSON with JSON", async () => {
  const output = (name: string, data: number[]) => ({ name, datatype: "INT32", shape: [1, 16], data });
  const answer = await call(app, "POST", SIMPLE, simpleRequest({ id: "a\u00e9" }));
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(
    answer.text,
    JSON.stringify({
      id: "aé",
      model_name: "simple",
      model_version: "1",
      outputs: [output("OUTPUT0", SUM), output("OUTPUT1", DIFFERENCE)],
    }),
  );
  const versioned = await call(app, "POST", "/v2/models/simple/versions/01/infer?x=1", simpleRequest());
  assert.equal(versioned.json.model_version, "1");
});

Deno.test("infer returns the outputs that are listed, in the model's order", async () => {
  const names = async (outputs: unknown[]) =>
    (await call(app, "POST", SIMPLE, simpleRequest({ outputs }))).json.outputs.map(({ name }: { name: string }) =>
      name
    );
  assert.deepEqual(await names([{ name: "OUTPUT1" }]), ["OUTPUT1"]);
  assert.deepEqual(await names([{ name: "OUTPUT1" }, { name: "OUTPUT0" }]), ["OUTPUT0", "OUTPUT1"]);
  assert.deepEqual(await names([]), ["OUTPUT0", "OUTPUT1"]);
});

Deno.test("infer mixes JSON and binary data, both ways", async () => {
  const [body, headers] = mixedBody({
    inputs: [
      { name: "INPUT0", shape: [1, 16], datatype: "INT32", parameters: { binary_data_size: 64 } },
      { name: "INPUT1", shape: [1, 16], datatype: "INT32", data: new Array(16).fill(1) },
    ],
    outputs: [{ name: "OUTPUT0", parameters: { binary_data: true } }, { name: "OUTPUT1" }],
  }, bytesOf(SUM.map((value) => value - 1)));
  const answer = await call(app, "POST", SIMPLE, body, headers);
  assert.equal(answer.headers.get("content-type"), "application/octet-stream");
  const length = Number(answer.headers.get("inference-header-content-length"));
  const json = JSON.parse(answer.text.slice(0, length));
  assert.deepEqual(json.outputs[0], {
    name: "OUTPUT0",
    datatype: "INT32",
    shape: [1, 16],
    parameters: { binary_data_size: 64 },
  });
  assert.deepEqual(json.outputs[1].data, DIFFERENCE);
  assert.deepEqual(answer.bytes.subarray(length), bytesOf(SUM));
});

Deno.test("infer sends binary data by default only for outputs that are not listed", async () => {
  const parameters = { binary_data_output: true };
  const all = await call(app, "POST", SIMPLE, simpleRequest({ parameters, id: "é" }));
  const length = Number(all.headers.get("inference-header-content-length"));
  assert.deepEqual(all.bytes.subarray(length), new Uint8Array([...bytesOf(SUM), ...bytesOf(DIFFERENCE)]));
  assert.equal(JSON.parse(new TextDecoder().decode(all.bytes.subarray(0, length))).id, "é");
  const listed = await call(app, "POST", SIMPLE, simpleRequest({ parameters, outputs: [{ name: "OUTPUT0" }] }));
  assert.deepEqual(listed.json.outputs[0].data, SUM);
});

Deno.test("infer sends JSON alone where the binary outputs are empty", async () => {
  const answer = await call(
    app,
    "POST",
    "/v2/models/identity_fp32/infer",
    JSON.stringify({
      inputs: [{ name: "INPUT0", shape: [0], datatype: "FP32", data: [] }],
      parameters: { binary_data_output: true },
    }),
  );
  assert.equal(answer.headers.get("inference-header-content-length"), null);
  assert.deepEqual(answer.json.outputs[0].parameters, { binary_data_size: 0 });
});

Deno.test("infer takes a raw request for the one input", async () => {
  const path = "/v2/models/identity_fp32/infer";
  const data = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const answer = await call(app, "POST", path, data, { "inference-header-content-length": "0" });
  const length = Number(answer.headers.get("inference-header-content-length"));
  assert.deepEqual(JSON.parse(answer.text.slice(0, length)).outputs[0].shape, [3]);
  assert.deepEqual(answer.bytes.subarray(length), data);
  const empty = await call(app, "POST", path);
  assert.deepEqual(empty.json.outputs[0].shape, [0]);
});

Deno.test("infer keeps 64-bit integers, numbers that are not finite and bytes that are no text", async () => {
  const path = (type: string) => `/v2/models/identity_${type}/infer`;
  const body = (type: string, data: string, count: number) =>
    `{"inputs":[{"name":"INPUT0","shape":[${count}],"datatype":"${type}","data":${data}}]}`;
  const integers = "[9007199254740993,-9223372036854775808]";
  assert.ok((await call(app, "POST", path("int64"), body("INT64", integers, 2))).text.includes(`"data":${integers}`));
  const floats = "[NaN,Infinity,-Infinity,1.5]";
  const answer = await app.request(path("fp32"), { method: "POST", body: body("FP32", floats, 4) });
  assert.ok((await answer.text()).includes(`"data":${floats}`));
  const raw = Uint8Array.from(body("BYTES", '["\xff"]', 1), (char) => char.charCodeAt(0));
  const echoed = await call(app, "POST", path("bytes"), raw);
  assert.equal(String.fromCharCode(...echoed.bytes).match(/"data":\[(.*)\]\}\]/)?.[1], '"\xff"');
});

Deno.test("infer classifies outputs, with the labels of the model", async () => {
  const labelled = testApp([
    identityModel("labelled", "FP32", {
      maxBatchSize: 4,
      inputs: [{ name: "INPUT0", datatype: "FP32", dims: [2] }],
      outputs: [{ name: "OUTPUT0", datatype: "FP32", dims: [2], labels: ["cat", "dog"] }],
    }),
  ]);
  const answer = await call(
    labelled,
    "POST",
    "/v2/models/labelled/infer",
    JSON.stringify({
      inputs: [{ name: "INPUT0", shape: [2, 2], datatype: "FP32", data: [1, 2, 4, 3] }],
      outputs: [{ name: "OUTPUT0", parameters: { classification: 1 } }],
    }),
  );
  assert.deepEqual(answer.json.outputs, [
    { name: "OUTPUT0", datatype: "BYTES", shape: [2, 1], data: ["2.000000:1:dog", "4.000000:0:cat"] },
  ]);
});

Deno.test("infer refuses to classify what has no order, and says so", async () => {
  const [status, error] = await errorOf(
    "identity_bool",
    '{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"BOOL","data":[true]}],' +
      '"outputs":[{"name":"OUTPUT0","parameters":{"classification":1}}]}',
  );
  assert.deepEqual([status, error], [400, "class result not available for output due to unsupported type 'BOOL'"]);
});

Deno.test("infer writes parameters of the response", async () => {
  const parameters = new Map<string, string | number | bigint | boolean>([["s", 'a"'], ["b", true], ["i", 2n ** 60n], [
    "d",
    0.5,
  ]]);
  const talkative = testApp([
    identityModel("talkative", "FP32", {
      run(request, sink, model) {
        sink.respond({ ...responseOf(model, request, []), parameters });
        sink.finish();
      },
    }),
  ]);
  const body = '{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[1]}]}';
  const { text } = await call(talkative, "POST", "/v2/models/talkative/infer", body);
  assert.ok(text.includes('"parameters":{"s":"a\\"","b":true,"i":1152921504606846976,"d":0.5},"outputs":[]'), text);
});

Deno.test("infer answers errors of routing and of the model with their own status", async () => {
  assert.deepEqual(await errorOf("unknown", "{}"), [404, "Request for unknown model: 'unknown' is not found"]);
  assert.deepEqual(await errorOf("decoupled", "{}"), [
    501,
    "HTTP end point doesn't support models with decoupled transaction policy",
  ]);
  const failing = (error: unknown) =>
    testApp([identityModel("failing", "FP32", {
      run() {
        throw error;
      },
    })]);
  const body = '{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[1]}]}';
  for (
    const [error, status, message] of [
      [new Status("UNAVAILABLE", "no room"), 503, "no room"],
      [new Error("it broke"), 500, "it broke"],
    ] as const
  ) {
    const answer = await call(failing(error), "POST", "/v2/models/failing/infer", body);
    assert.deepEqual([answer.status, answer.json], [status, { error: message }]);
  }
});

Deno.test("infer demands exactly one response", async () => {
  const silent = testApp([identityModel("silent", "FP32", { run: (_, sink) => sink.finish() })]);
  const body = '{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[1]}]}';
  const answer = await call(silent, "POST", "/v2/models/silent/infer", body);
  assert.deepEqual([answer.status, answer.json.error], [
    500,
    "expected the model to produce exactly 1 response, got 0",
  ]);
});

Deno.test("infer reads binary strings and refuses incomplete ones", async () => {
  const request = (size: number) => ({
    inputs: [{ name: "INPUT0", shape: [2], datatype: "BYTES", parameters: { binary_data_size: size } }],
  });
  const data = encodeBytes(["ab", ""]);
  const [body, headers] = mixedBody(request(data.length), data);
  assert.deepEqual((await call(app, "POST", "/v2/models/identity_bytes/infer", body, headers)).json.outputs[0].data, [
    "ab",
    "",
  ]);
  const cut = data.subarray(0, data.length - 1);
  const [cutBody, cutHeaders] = mixedBody(request(cut.length), cut);
  const refused = await call(app, "POST", "/v2/models/identity_bytes/infer", cutBody, cutHeaders);
  assert.equal(refused.status, 400);
  assert.match(refused.json.error, /incomplete string length indicator/);
});
