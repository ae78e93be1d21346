import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelInferRequestSchema } from "../../proto/gen/grpc_service_pb.ts";
import { Health } from "../../proto/gen/health_pb.ts";
import { ServerReflection } from "../../proto/gen/reflection_v1_pb.ts";
import { EXTENSIONS } from "../inference_server.ts";
import { FakeModel, identityModel, responseOf, simpleModel } from "../testing/fake_repository.ts";
import { frameMessage } from "./frame.ts";
import { serveGrpc } from "./serve.ts";
import { start } from "./testing/setup.ts";

const { modelInfer } = GRPCInferenceService.method;

/** A request of `simple`: both inputs are 16 times 0x01010101. */
function simpleRequest(more: MessageInitShape<typeof ModelInferRequestSchema> = {}) {
  const tensor = (name: string) => ({ name, datatype: "INT32", shape: [1n, 16n] });
  const data = new Uint8Array(64).fill(1);
  return {
    modelName: "simple",
    inputs: [tensor("INPUT0"), tensor("INPUT1")],
    rawInputContents: [data, data],
    ...more,
  };
}

for (const transport of ["socket", "node"] as const) {
  Deno.test(`ModelInfer answers with raw contents on the ${transport} transport`, async () => {
    await using setup = await start([simpleModel()], { transport });
    const { code, response } = await setup.call(modelInfer, simpleRequest({ id: "x" }));
    assert.equal(code, 0);
    assert.equal(response.modelName, "simple");
    assert.equal(response.modelVersion, "1");
    assert.equal(response.id, "x");
    assert.deepEqual(response.outputs.map(({ name, shape }) => [name, shape]), [
      ["OUTPUT0", [1n, 16n]],
      ["OUTPUT1", [1n, 16n]],
    ]);
    assert.deepEqual(response.rawOutputContents, [new Uint8Array(64).fill(2), new Uint8Array(64)]);
  });

  Deno.test(`every kind of error has its code and text on the ${transport} transport`, async () => {
    await using setup = await start([simpleModel(), simpleModel({ name: "decoupled", decoupled: true })], {
      transport,
    });
    const unknown = await setup.call(modelInfer, simpleRequest({ modelName: "größe" }));
    assert.equal(unknown.code, 5);
    assert.equal(unknown.message, "Request for unknown model: 'größe' is not found");
    const decoupled = await setup.call(modelInfer, simpleRequest({ modelName: "decoupled" }));
    assert.equal(decoupled.code, 12);
    const path = "/inference.GRPCInferenceService/";
    const garbage = await setup.client.call(`${path}ModelInfer`, frameMessage(new Uint8Array([0xff])));
    assert.equal(garbage.code, 13);
    assert.match(garbage.message, /^Unable to parse request/);
    assert.equal((await setup.client.call(`${path}ModelReady`, frameMessage(new Uint8Array([0xff])))).code, 13);
    const missing = await setup.client.call(`${path}Nope`, frameMessage(new Uint8Array()));
    assert.equal(missing.code, 12);
    assert.match(missing.message, /^unknown method '\/inference.GRPCInferenceService\/Nope'/);
    for (const rpc of ["TraceSetting", "LogSettings"]) {
      const later = await setup.client.call(path + rpc, frameMessage(new Uint8Array()));
      assert.equal(later.code, 12);
      assert.match(later.message, new RegExp(`^${rpc} is not implemented`));
    }
  });
}

Deno.test("ModelInfer returns classes with their labels", async () => {
  const labelled = identityModel("labelled", "FP32", {
    outputs: [{ name: "OUTPUT0", datatype: "FP32", dims: [-1], labels: ["cat", "dog"] }],
  });
  await using setup = await start([labelled]);
  const { response } = await setup.call(modelInfer, {
    modelName: "labelled",
    inputs: [{ name: "INPUT0", datatype: "FP32", shape: [2n], contents: { fp32Contents: [0.25, 0.5] } }],
    outputs: [{
      name: "OUTPUT0",
      parameters: { classification: { parameterChoice: { case: "int64Param", value: 1n } } },
    }],
  });
  assert.equal(response.outputs[0].datatype, "BYTES");
  assert.deepEqual(response.outputs[0].shape, [1n]);
  assert.equal(new TextDecoder().decode(response.rawOutputContents[0].subarray(4)), "0.500000:1:dog");
});

Deno.test("ModelInfer takes metadata that the pattern matches as parameters", async () => {
  const model = simpleModel();
  await using setup = await start([model], { headerForwardPattern: /^x-/i });
  await setup.call(modelInfer, simpleRequest(), { "x-tenant": "a", other: "b" });
  assert.deepEqual(model.received[0].parameters, new Map([["x-tenant", "a"]]));
});

Deno.test("ModelInfer compresses answers where the option says so and the client accepts it", async () => {
  await using setup = await start([simpleModel()], { responseCompression: "low" });
  const body = frameMessage(toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, simpleRequest())));
  const path = "/inference.GRPCInferenceService/ModelInfer";
  const compressed = await setup.client.call(path, body, { "grpc-accept-encoding": "identity,gzip" });
  assert.equal(compressed.headers["grpc-encoding"], "gzip");
  assert.equal(compressed.body[0], 1);
  const plain = await setup.client.call(path, body);
  assert.equal(plain.headers["grpc-encoding"], undefined);
  assert.deepEqual(new Uint8Array(gunzipSync(compressed.body.subarray(5))), plain.body.subarray(5));
});

/** A model that answers when its request's signal aborts. */
function waitingModel(): FakeModel {
  return identityModel("waiting", "INT32", {
    async run(request, sink, model) {
      await new Promise((resolve) => request.signal!.addEventListener("abort", resolve));
      sink.respond(responseOf(model, request, []));
      sink.finish();
    },
  });
}
const waitingRequest = {
  modelName: "waiting",
  inputs: [{ name: "INPUT0", datatype: "INT32", shape: [1n], contents: { intContents: [1] } }],
};

Deno.test("ModelInfer answers DEADLINE_EXCEEDED and aborts the request when its time is over", async () => {
  const model = waitingModel();
  await using setup = await start([model]);
  const { code, message } = await setup.call(modelInfer, waitingRequest, { "grpc-timeout": "20m" });
  assert.equal(code, 4);
  assert.equal(message, "Deadline Exceeded");
  assert.equal(model.received[0].signal!.aborted, true);
  assert.equal((await setup.call(modelInfer, waitingRequest, { "grpc-timeout": "soon" })).code, 3);
});

Deno.test("server RPCs tell name, version, extensions and state", async () => {
  await using setup = await start([simpleModel()]);
  const { serverLive, serverReady, serverMetadata } = GRPCInferenceService.method;
  assert.equal((await setup.call(serverLive, {})).response.live, true);
  assert.equal((await setup.call(serverReady, {})).response.ready, true);
  const { response } = await setup.call(serverMetadata, {});
  assert.equal(response.name, "triton");
  assert.deepEqual(response.extensions, EXTENSIONS);
  setup.inference.stop();
  assert.equal((await setup.call(serverReady, {})).response.ready, false);
});

Deno.test("model RPCs tell metadata, configuration and readiness", async () => {
  await using setup = await start([simpleModel(), simpleModel({ version: 3 })]);
  const { modelMetadata, modelConfig, modelReady } = GRPCInferenceService.method;
  const all = (await setup.call(modelMetadata, { name: "simple" })).response;
  assert.deepEqual(all.versions, ["1", "3"]);
  assert.equal(all.platform, "fake");
  assert.deepEqual(all.inputs.map(({ name, datatype, shape }) => [name, datatype, shape])[1], [
    "INPUT1",
    "INT32",
    [-1n, 16n],
  ]);
  const one = (await setup.call(modelMetadata, { name: "simple", version: "3" })).response;
  assert.deepEqual(one.versions, ["3"]);
  assert.equal((await setup.call(modelConfig, { name: "simple" })).response.config?.maxBatchSize, 8);
  assert.equal((await setup.call(modelReady, { name: "simple", version: "1" })).response.ready, true);
  assert.equal((await setup.call(modelReady, { name: "broken" })).code, 5);
  assert.equal((await setup.call(modelReady, { name: "broken", version: "1" })).code, 14);
});

Deno.test("ModelStatistics tells of one version, one model or all, and refuses the rest", async () => {
  const model = simpleModel();
  model.statistics.requestSucceeded(4, 2, 0.5, { inputMs: 0.25, inferMs: 1, outputMs: 0.125 });
  model.statistics.executed(4, { inputMs: 0.25, inferMs: 1, outputMs: 0.125 });
  await using setup = await start([model, identityModel("other", "FP32")]);
  const { modelStatistics } = GRPCInferenceService.method;
  const [simple] = (await setup.call(modelStatistics, { name: "simple", version: "1" })).response.modelStats;
  assert.equal(simple.inferenceCount, 4n);
  assert.equal(simple.executionCount, 1n);
  assert.equal(simple.inferenceStats?.success?.ns, 2_000_000n);
  assert.equal(simple.inferenceStats?.computeInfer?.count, 1n);
  assert.equal(simple.batchStats[0].batchSize, 4n);
  assert.deepEqual(simple.batchCloseReasons, {});
  model.statistics.batchClosed("full");
  const [batching, other] = (await setup.call(modelStatistics, {})).response.modelStats;
  assert.deepEqual(batching.batchCloseReasons, { preferred: 0n, full: 1n, delay: 0n, idle: 0n, shape: 0n, end: 0n });
  assert.deepEqual([other.name, other.batchCloseReasons], ["other", {}]);
  const unknown = await setup.call(modelStatistics, { name: "nope" });
  assert.deepEqual([unknown.code, unknown.message], [3, "requested model 'nope' is not available"]);
  const version = await setup.call(modelStatistics, { name: "simple", version: "2" });
  assert.deepEqual([version.code, version.message], [3, "requested model version is not available for model 'simple'"]);
});

Deno.test("repository RPCs list models and refuse what this mode does not have", async () => {
  await using setup = await start([simpleModel()]);
  const { repositoryIndex, repositoryModelLoad, repositoryModelUnload } = GRPCInferenceService.method;
  const index = (await setup.call(repositoryIndex, {})).response.models;
  assert.deepEqual(index.map(({ name, version, state, reason }) => [name, version, state, reason]), [
    ["simple", "1", "READY", ""],
    ["broken", "1", "UNAVAILABLE", "no file"],
  ]);
  assert.equal((await setup.call(repositoryIndex, { ready: true })).response.models.length, 1);
  assert.equal((await setup.call(repositoryIndex, { repositoryName: "r" })).code, 12);
  const text = { parameterChoice: { case: "stringParam" as const, value: "x" } };
  const load = async (parameters: Record<string, typeof text>) => {
    const { code, message } = await setup.call(repositoryModelLoad, { modelName: "simple", parameters });
    return [code, message];
  };
  assert.deepEqual(await load({}), [
    14,
    "explicit model load / unload is not allowed if polling is enabled",
  ]);
  assert.deepEqual(await load({ foo: text }), [3, "unrecognized load parameter 'foo'."]);
  assert.deepEqual(await load({ "file:1/m": text }), [
    3,
    "invalid value type for load parameter 'file:1/m', expected bytes_param.",
  ]);
  const unload = await setup.call(repositoryModelUnload, { parameters: { unload_dependents: text } });
  assert.deepEqual([unload.code, unload.message], [
    3,
    "invalid value type for 'unload_dependents' parameter, expected bool_param.",
  ]);
});

Deno.test("shared memory RPCs have no regions and register none", async () => {
  await using setup = await start([]);
  const methods = GRPCInferenceService.method;
  assert.deepEqual((await setup.call(methods.systemSharedMemoryStatus, {})).response.regions, {});
  assert.equal((await setup.call(methods.cudaSharedMemoryStatus, { name: "x" })).code, 5);
  const { code, message } = await setup.call(methods.systemSharedMemoryRegister, { name: "x" });
  assert.equal(code, 12);
  assert.match(message, /^Client shared memory is disabled/);
});

Deno.test("Health.Check answers for any service; reflection lists the services", async () => {
  await using setup = await start([]);
  assert.equal((await setup.call(Health.method.check, { service: "any" })).response.status, 1);
  setup.inference.stop();
  assert.equal((await setup.call(Health.method.check, {})).response.status, 2);
  const { response } = await setup.call(ServerReflection.method.serverReflectionInfo, {
    messageRequest: { case: "listServices", value: "" },
  });
  assert.equal(response.messageResponse.case, "listServicesResponse");
  assert.deepEqual(
    (response.messageResponse.value as { service: { name: string }[] }).service.map(({ name }) => name),
    [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "inference.GRPCInferenceService",
    ],
  );
});

Deno.test("the port answers Connect's JSON, and explains itself to what is no call", async () => {
  await using setup = await start([simpleModel()]);
  const url = `http://127.0.0.1:${setup.server.port}`;
  const post = (path: string, body: unknown, type = "application/json") =>
    fetch(url + path, { method: "POST", headers: { "content-type": type }, body: JSON.stringify(body) });
  const service = "/inference.GRPCInferenceService";
  assert.deepEqual(await (await post(`${service}/ServerLive`, {})).json(), { live: true });
  const contents = { intContents: new Array(16).fill(2) };
  const tensor = (name: string) => ({ name, datatype: "INT32", shape: ["1", "16"], contents });
  const infer = await (await post(`${service}/ModelInfer`, {
    modelName: "simple",
    inputs: [tensor("INPUT0"), tensor("INPUT1")],
  })).json();
  assert.equal(atob(infer.rawOutputContents[0]).charCodeAt(0), 4);
  const refused = await post(`${service}/ModelReady`, { name: "nope" });
  assert.equal(refused.status, 404);
  assert.equal((await refused.json()).message, "Request for unknown model: 'nope' is not found");
  const browser = await fetch(url);
  assert.equal(browser.status, 404);
  assert.match(await browser.text(), /this port speaks gRPC/);
  const form = await post(`${service}/ServerLive`, {}, "text/html");
  assert.equal(form.status, 415);
  assert.match(await form.text(), /content type of gRPC/);
});

Deno.test("serveGrpc() fails where the port is taken", async () => {
  await using setup = await start([]);
  await assert.rejects(
    serveGrpc(setup.inference, { hostname: "127.0.0.1", port: setup.server.port }),
    Deno.errors.AddrInUse,
  );
});
