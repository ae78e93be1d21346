/**
 * The bundle, which is what the binary embeds, alone in a folder: no checkout, no npm packages, no cache, no environment,
 * and permission for nothing but that folder and this machine's own network address. Flags of the command line are left
 * out as well, since binaries know only some of them.
 */
import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { makeBundle } from "../../deploy/bundle.ts";
import { targetOf } from "../../deploy/target.ts";
import { ModelInferRequestSchema, ModelInferResponseSchema } from "../../proto/gen/grpc_service_pb.ts";
import { FRAME_HEADER, frameMessage } from "../../server/grpc/frame.ts";
import { TestClient } from "../../server/grpc/testing/client.ts";
import { available } from "../setup/missing.ts";
import { webgpuAdapter } from "../setup/vulkan.ts";
import { binaryRequest, infer, int32, numbers, simpleWorks, type WireTensor } from "../support/infer.ts";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";
import { skippedTitle } from "../support/report.ts";
import { TestServer } from "../support/server.ts";

const RUNTIMES = [
  { name: "native", kind: "KIND_CPU", device: /^CPU \(native/, args: ["cpu-runtime=native", "inline=off"] },
  { name: "wasm", kind: "KIND_CPU", device: /^CPU \(wasm/, args: ["cpu-runtime=wasm", "execution-timeout-secs=1"] },
  { name: "webgpu", kind: "KIND_GPU", device: /^GPU/, args: [] },
] as const;

const adapter = await available(webgpuAdapter());

/** `<folder>/app`, the bundle, and everything else that a server needs, empty. */
async function emptyPlace(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "triton-ts-bundle-" });
  for (const name of ["cache", "home", "run"]) await Deno.mkdir(`${folder}/${name}`);
  await makeBundle(targetOf(Deno.build.target), `${folder}/app`);
  return folder;
}

/** The example models, those that run anywhere moved to `kind`, and one that takes as long as it is asked to. */
async function models(folder: string, kind: string): Promise<string> {
  const repository = `${folder}/models-${kind}`;
  await mustRun(["cp", "-r", `${ROOT}/models`, repository]);
  const path = `${repository}/digits/config.pbtxt`;
  const config = (await Deno.readTextFile(path)).replace("kind: KIND_AUTO", `kind: ${kind}`);
  await Deno.writeTextFile(path, config);
  if (kind !== "KIND_CPU") return repository;
  await Deno.mkdir(`${repository}/slow/1`, { recursive: true });
  await Deno.writeFile(
    `${repository}/slow/1/model.onnx`,
    onnxModel({
      inputs: [{ name: "SHAPE", type: 7, shape: [2] }],
      outputs: [{ name: "SUM", type: 1, shape: [1, 1] }],
      nodes: [
        { op: "ConstantOfShape", inputs: ["SHAPE"], outputs: ["zeros"] },
        { op: "MatMul", inputs: ["zeros", "zeros"], outputs: ["product"] },
        { op: "ReduceSum", inputs: ["product"], outputs: ["SUM"] },
      ],
    }),
  );
  return repository;
}

function start(folder: string, repository: string, settings: readonly string[]): Promise<TestServer> {
  return TestServer.start({
    repositories: [repository],
    args: settings.map((setting) => `--backend-config=onnxruntime,${setting}`),
    program: [
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-npm",
      "--no-remote",
      "--cached-only",
      `--allow-read=${folder}`,
      `--allow-ffi=${folder}/app/assets`,
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-sys",
      `${folder}/app/main.js`,
    ],
    cwd: `${folder}/run`,
    clearEnv: true,
    env: { DENO_DIR: `${folder}/cache`, HOME: `${folder}/home` },
  });
}

/** A picture whose pixels differ. */
const IMAGE: WireTensor = {
  name: "image",
  datatype: "FP32",
  shape: [1, 1, 8, 8],
  data: new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => (i * 7) % 17).buffer),
};

async function probabilities(server: TestServer): Promise<number[]> {
  return [...numbers((await infer(server.http, "digits", [IMAGE])).get("probabilities")!)];
}

interface ListedModel {
  readonly name: string;
  readonly versions: readonly { readonly device?: string }[];
}

/** Where a model runs, in the server's words. */
async function deviceOf(server: TestServer, model: string): Promise<string> {
  const { models }: { models: ListedModel[] } = await (await fetch(`${server.http}/v2/models`)).json();
  return models.find(({ name }) => name === model)?.versions[0]?.device ?? "";
}

/** Sums and differences of `simple` over gRPC. */
async function simpleOverGrpc(server: TestServer): Promise<void> {
  const a = Array.from({ length: 16 }, (_, i) => i), b = Array.from({ length: 16 }, (_, i) => i * i);
  const inputs = [int32("INPUT0", [1, 16], a), int32("INPUT1", [1, 16], b)];
  const request = create(ModelInferRequestSchema, {
    modelName: "simple",
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) })),
    rawInputContents: inputs.map(({ data }) => data),
  });
  await using client = new TestClient(server.grpcPort);
  const message = frameMessage(toBinary(ModelInferRequestSchema, request));
  const answer = await client.call("/inference.GRPCInferenceService/ModelInfer", message);
  assert.equal(answer.code, 0, answer.message);
  const response = fromBinary(ModelInferResponseSchema, answer.body.subarray(FRAME_HEADER));
  const outputs = new Map(response.outputs.map(({ name }, i) => [name, response.rawOutputContents[i]]));
  assert.deepEqual([...new Int32Array(outputs.get("OUTPUT0")!.slice().buffer)], a.map((value, i) => value + b[i]));
  assert.deepEqual([...new Int32Array(outputs.get("OUTPUT1")!.slice().buffer)], a.map((value, i) => value - b[i]));
}

function slow(size: bigint): WireTensor {
  return { name: "SHAPE", datatype: "INT64", shape: [2], data: new Uint8Array(BigInt64Array.of(size, size).buffer) };
}

/** Lets an execution run until the server gives it up, then waits for the next worker to answer. */
async function workerRestarts(server: TestServer): Promise<void> {
  const answer = await fetch(`${server.http}/v2/models/slow/infer`, {
    method: "POST",
    ...binaryRequest([slow(8192n)]),
  });
  const { error } = await answer.json();
  assert.equal(answer.status, 503, error);
  for (let attempt = 0;; attempt++) {
    try {
      const sum = (await infer(server.http, "slow", [slow(2n)])).get("SUM")!;
      return assert.deepEqual([...numbers(sum)], [0]);
    } catch (thrown) {
      if (attempt === 100 || !/503/.test(String(thrown))) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

Deno.test("the bundle serves from an empty folder, without network, cache or npm packages", async (t) => {
  const folder = await emptyPlace();
  try {
    let expected: number[];
    {
      await using checkout = await TestServer.start({ repositories: [await models(folder, "KIND_CPU")] });
      expected = await probabilities(checkout);
    }
    for (const { name, kind, device, args } of RUNTIMES) {
      const missing = kind === "KIND_GPU" ? adapter.missing : undefined;
      const title = `on ${name}, over HTTP and gRPC`;
      await t.step({
        name: missing === undefined ? title : skippedTitle(title, missing),
        ignore: missing !== undefined,
        async fn() {
          const repository = kind === "KIND_GPU" ? await models(folder, kind) : `${folder}/models-KIND_CPU`;
          await using server = await start(folder, repository, args);
          assert.match(await deviceOf(server, "digits"), device, server.log);
          await simpleWorks(server.http);
          await simpleOverGrpc(server);
          const got = await probabilities(server);
          got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-3, `${got}, expected ${expected}`));
          assert.doesNotMatch(server.log, /^[WE]\d|NotCapable|Requires \w+ access/m, "nothing was missing");
          if (name === "wasm") await workerRestarts(server);
          const { code } = await server.stop();
          assert.equal(code, 0, server.log);
        },
      });
    }
    const left = [...Deno.readDirSync(`${folder}/run`)];
    assert.deepEqual(left, [], "it writes nothing where it runs");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
