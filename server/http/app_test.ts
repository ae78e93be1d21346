import assert from "node:assert/strict";
import { EXTENSIONS, SERVER_VERSION } from "../inference_server.ts";
import { identityModel, simpleModel } from "../testing/fake_repository.ts";
import { BROKEN, call, testApp } from "./testing.ts";

const app = testApp();

Deno.test("createHttpApp() answers liveness and readiness with an empty 200 or 400", async () => {
  const live = await call(app, "GET", "/v2/health/live");
  assert.deepEqual([live.status, live.text], [200, ""]);
  const notReady = await call(app, "GET", "/v2/health/ready");
  assert.deepEqual([notReady.status, notReady.text], [400, ""]);
  const ready = await call(testApp([simpleModel()], {}, []), "GET", "/v2/health/ready");
  assert.deepEqual([ready.status, ready.text], [200, ""]);
});

Deno.test("createHttpApp() answers the readiness of models", async () => {
  assert.equal((await call(app, "GET", "/v2/models/simple/ready")).status, 200);
  assert.equal((await call(app, "GET", "/v2/models/simple/versions/1/ready")).status, 200);
  for (
    const [path, status, error] of [
      ["simple/versions/2", 404, "Request for unknown model: 'simple' version 2 is not found"],
      ["unknown", 404, "Request for unknown model: 'unknown' is not found"],
      ["broken", 404, "Request for unknown model: 'broken' has no available versions"],
      ["broken/versions/1", 503, "Request for unknown model: 'broken' version 1 is not at ready state"],
    ] as const
  ) {
    const answer = await call(app, "GET", `/v2/models/${path}/ready`);
    assert.deepEqual([answer.status, answer.json], [status, { error }]);
  }
});

Deno.test("createHttpApp() answers metadata of the server", async () => {
  for (const path of ["/v2", "/v2?x=1", "/v2#part"]) {
    const { status, json } = await call(app, "GET", path);
    assert.deepEqual([status, json], [200, { name: "triton", version: SERVER_VERSION, extensions: EXTENSIONS }]);
  }
});

Deno.test("createHttpApp() answers metadata and configuration of models", async () => {
  const tensor = (name: string) => ({ name, datatype: "INT32", shape: [-1, 16] });
  const versions = testApp([simpleModel(), simpleModel({ version: 2 })]);
  const metadata = {
    name: "simple",
    versions: ["1", "2"],
    platform: "fake",
    inputs: [tensor("INPUT0"), tensor("INPUT1")],
    outputs: [tensor("OUTPUT0"), tensor("OUTPUT1")],
  };
  assert.deepEqual((await call(versions, "GET", "/v2/models/simple")).json, metadata);
  assert.deepEqual((await call(versions, "GET", "/v2/models/simple/versions/01")).json, {
    ...metadata,
    versions: ["1"],
  });
  const config = await call(versions, "GET", "/v2/models/simple/config");
  assert.equal(config.json.max_batch_size, 8);
  assert.deepEqual(config.json.input[0].dims, [16]);
});

Deno.test("createHttpApp() matches paths as they were sent", async () => {
  const missing = ["/", "/V2", "//v2", "/v2/", "/v2/health", "/v2/health/live/", "/v2/models/", "/v2/models//ready"];
  const versions = ["/v2/models/simple/versions/", "/v2/models/simple/versions/abc", "/v2/models/simple/versions/-1"];
  const extra = [
    "/v2/models/simple/foo",
    "/v2/models/simple/versions/1/foo",
    "/v2/models/simple/versions/1/trace/setting",
  ];
  for (const path of [...missing, ...versions, ...extra, "/metrics", "/v2/repository/models//load"]) {
    for (const method of ["GET", "POST", "PUT", "OPTIONS"]) {
      const answer = await call(app, method, path);
      assert.deepEqual([answer.status, answer.json], [404, { error: "Not Found" }], `${method} ${path}`);
    }
  }
});

Deno.test("createHttpApp() decodes nothing in a model's name", async () => {
  const encoded = await call(app, "GET", "/v2/models/sim%70le");
  assert.equal(encoded.json.error, "Request for unknown model: 'sim%70le' is not found");
  const slash = await call(app, "POST", "/v2/models/a%2Fb/infer", "{}");
  assert.equal(slash.json.error, "Request for unknown model: 'a%2Fb' is not found");
  const broken = await call(app, "GET", "/v2/models/%E0%A4%A/ready");
  assert.equal(broken.json.error, "Request for unknown model: '%E0%A4%A' is not found");
  const percent = testApp([identityModel("50%25", "FP32")]);
  assert.equal((await call(percent, "GET", "/v2/models/50%25/ready")).status, 200);
});

Deno.test("createHttpApp() refuses other methods with 405 and says which are allowed", async () => {
  const get = "GET, HEAD, OPTIONS";
  const post = "POST, OPTIONS";
  for (
    const [method, path, allow] of [
      ["PUT", "/v2", get],
      ["DELETE", "/v2/health/live", get],
      ["TRACE", "/v2/models/simple", get],
      ["POST", "/v2/models/simple", get],
      ["POST", "/v2/models/stats", get],
      ["GET", "/v2/models/simple/infer", post],
      ["HEAD", "/v2/models/simple/infer", post],
      ["GET", "/v2/repository/index", post],
      ["GET", "/v2/repository/models/simple/load", post],
      ["GET", "/v2/models/simple/generate", post],
      ["POST", "/v2/systemsharedmemory/status", get],
      ["PUT", "/v2/trace/setting", "GET, HEAD, POST, OPTIONS"],
      ["BREW", "/v2/logging", "GET, HEAD, POST, OPTIONS"],
    ]
  ) {
    const answer = await call(app, method, path);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.equal(answer.headers.get("allow"), allow);
    if (method !== "HEAD") assert.deepEqual(answer.json, { error: "Method Not Allowed" });
  }
});

Deno.test("createHttpApp() answers HEAD like GET without a body, and OPTIONS with what is allowed", async () => {
  const head = await call(app, "HEAD", "/v2/models/simple");
  assert.deepEqual([head.status, head.text, head.headers.get("content-type")], [200, "", "application/json"]);
  assert.equal((await call(app, "HEAD", "/v2/nope")).status, 404);
  const options = await call(app, "OPTIONS", "/v2/models/simple/infer");
  assert.deepEqual([options.status, options.headers.get("allow")], [204, "POST, OPTIONS"]);
});

Deno.test("createHttpApp() sends every error as JSON", async () => {
  for (
    const [method, path] of [["GET", "/nope"], ["PUT", "/v2"], ["GET", "/v2/models/x"], ["POST", "/v2/models/x/infer"]]
  ) {
    const answer = await call(app, method, path);
    assert.equal(answer.headers.get("content-type"), "application/json", path);
    assert.equal(typeof answer.json.error, "string");
  }
});

Deno.test("createHttpApp() lists the repository's index", async () => {
  const ready = [
    { name: "simple", version: "1", state: "READY" },
    { name: "identity_fp32", version: "1", state: "READY" },
  ];
  const all = [...ready, { name: "broken", version: "1", state: "UNAVAILABLE", reason: BROKEN.reason }];
  for (const body of [undefined, "{}", '{"ready":false}']) {
    assert.deepEqual((await call(app, "POST", "/v2/repository/index", body)).json, all);
  }
  assert.deepEqual((await call(app, "POST", "/v2/repository/any/index", '{"ready":true}')).json, ready);
  const never = testApp([], {}, [{ name: "never" }, {
    name: "twice",
    state: "UNAVAILABLE",
    reason: "in two repositories",
  }]);
  assert.deepEqual((await call(never, "POST", "/v2/repository/index")).json, [
    { name: "never" },
    { name: "twice", state: "UNAVAILABLE", reason: "in two repositories" },
  ]);
});

Deno.test("createHttpApp() refuses index requests that say nothing", async () => {
  for (
    const [body, error] of [
      ['{"ready":1}', /^Invalid value for 'ready': expected a boolean/],
      ["[]", /non-object/],
      ["{", /^failed to parse the request JSON buffer: Missing a name for object member. at 1/],
    ] as const
  ) {
    const answer = await call(app, "POST", "/v2/repository/index", body);
    assert.equal(answer.status, 400);
    assert.match(answer.json.error, error);
  }
});

Deno.test("createHttpApp() refuses loading, and naming a repository", async () => {
  for (const action of ["load", "unload"]) {
    const refused = await call(app, "POST", `/v2/repository/models/simple/${action}`);
    assert.deepEqual([refused.status, refused.json.error], [
      503,
      "explicit model load / unload is not allowed if polling is enabled",
    ]);
    const named = await call(app, "POST", `/v2/repository/mine/models/simple/${action}`);
    assert.deepEqual([named.status, named.json.error], [501, "'repository_name' specification is not supported"]);
  }
});

Deno.test("createHttpApp() lists every model with its versions, inputs and outputs", async () => {
  const { models } = (await call(app, "GET", "/v2/models")).json;
  assert.deepEqual(models.map(({ name }: { name: string }) => name), ["simple", "identity_fp32", "broken"]);
  const [simple, , broken] = models;
  assert.deepEqual(simple.versions[0].state, "READY");
  assert.deepEqual(simple.versions[0].device, "CPU (fake)");
  assert.deepEqual(simple.versions[0].inputs[0], { name: "INPUT0", datatype: "INT32", shape: [-1, 16] });
  assert.deepEqual(broken.versions, [{ version: "1", state: "UNAVAILABLE", reason: "no model file" }]);
});

Deno.test("createHttpApp() answers for shared memory while it is disabled", async () => {
  for (const kind of ["system", "cuda"]) {
    assert.deepEqual((await call(app, "GET", `/v2/${kind}sharedmemory/status`)).json, []);
    const region = await call(app, "GET", `/v2/${kind}sharedmemory/region/x%20y/status`);
    assert.deepEqual([region.status, region.json.error], [404, `Unable to find ${kind} shared memory region: 'x%20y'`]);
    for (const path of ["region/x/register", "region/x/unregister", "unregister"]) {
      const answer = await call(app, "POST", `/v2/${kind}sharedmemory/${path}`, "{}");
      assert.equal(answer.status, 501);
      assert.match(answer.json.error, /^Client shared memory is disabled\./);
    }
    const nameless = await call(app, "POST", `/v2/${kind}sharedmemory/register`, "{}");
    assert.deepEqual([nameless.status, nameless.json.error], [
      400,
      `'region name' is necessary to register ${kind} shared memory region`,
    ]);
  }
});

Deno.test("createHttpApp() names the extensions that it does not serve", async () => {
  for (
    const [method, path, status] of [
      ["GET", "/v2/trace/setting", 501],
      ["POST", "/v2/models/simple/trace/setting", 501],
      ["GET", "/v2/models/unknown/trace/setting", 404],
      ["POST", "/v2/logging", 501],
    ] as const
  ) {
    const answer = await call(app, method, path, "{}");
    assert.equal(answer.status, status, path);
    if (status === 501) assert.match(answer.json.error, /extension is not supported by this version of the server/);
  }
});

Deno.test("createHttpApp() shows the statistics of one model or of all", async () => {
  const simple = simpleModel();
  simple.statistics.requestSucceeded(2, 1, 0.25, { inputMs: 0.5, inferMs: 0.125, outputMs: 0.0625 });
  simple.statistics.requestFailed(3, "OTHER");
  simple.statistics.executed(2, { inputMs: 0.5, inferMs: 0.125, outputMs: 0.0625 });
  const counted = testApp([simple, simpleModel({ version: 2 }), identityModel("stats", "FP32")]);
  const [first, second] = (await call(counted, "GET", "/v2/models/simple/stats")).json.model_stats;
  assert.ok(first.last_inference > 0);
  assert.deepEqual({ ...first, last_inference: 0 }, {
    name: "simple",
    version: "1",
    last_inference: 0,
    inference_count: 2,
    execution_count: 1,
    inference_stats: {
      success: { count: 1, ns: 1_000_000 },
      fail: { count: 1, ns: 3_000_000 },
      queue: { count: 1, ns: 250_000 },
      compute_input: { count: 1, ns: 500_000 },
      compute_infer: { count: 1, ns: 125_000 },
      compute_output: { count: 1, ns: 62_500 },
      cache_hit: { count: 0, ns: 0 },
      cache_miss: { count: 0, ns: 0 },
    },
    response_stats: {},
    batch_stats: [{
      batch_size: 2,
      compute_input: { count: 1, ns: 500_000 },
      compute_infer: { count: 1, ns: 125_000 },
      compute_output: { count: 1, ns: 62_500 },
    }],
    memory_usage: [],
  });
  simple.statistics.batchClosed("full");
  const [batching] = (await call(counted, "GET", "/v2/models/simple/stats")).json.model_stats;
  const batch_close_reasons = { preferred: 0, full: 1, delay: 0, idle: 0, shape: 0, end: 0 };
  assert.deepEqual(batching, { ...first, batch_close_reasons });
  assert.equal(second.version, "2");
  const one = await call(counted, "GET", "/v2/models/simple/versions/2/stats");
  assert.deepEqual(one.json.model_stats.map(({ version }: { version: string }) => version), ["2"]);
  // A model called stats is hidden by the statistics of all.
  assert.equal((await call(counted, "GET", "/v2/models/stats")).json.model_stats.length, 3);
  assert.equal((await call(counted, "GET", "/v2/models/stats/ready")).status, 200);
});

Deno.test("createHttpApp() answers 400 for statistics of what is not there", async () => {
  for (
    const [path, error] of [
      ["unknown/versions/1", "requested model 'unknown' is not available"],
      ["broken", "requested model 'broken' is not available"],
      ["broken/versions/1", "requested model 'broken' is not available"],
      ["simple/versions/2", "requested model version is not available for model 'simple'"],
    ]
  ) {
    const answer = await call(app, "GET", `/v2/models/${path}/stats`);
    assert.deepEqual([answer.status, answer.json.error], [400, error]);
  }
});
