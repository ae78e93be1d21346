/** Real models against the outputs that native ONNX Runtime gave for them, on every runtime of the server. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { webgpuAdapter } from "../setup/vulkan.ts";
import { infer, numbers, type WireTensor } from "../support/infer.ts";
import { shared, SHARED_ABSENT } from "../support/paths.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

interface GoldenTensor {
  type?: string;
  dims: number[];
  b64?: string;
  strings?: string[];
}
interface Golden {
  inputs: Record<string, GoldenTensor>;
  outputs: Record<string, GoldenTensor>;
}

const MODELS = shared("testdata/models");

/** Where a configuration has to say more than the file does. */
const CONFIGS: Record<string, string> = {
  // One of its outputs is a sequence of maps, which no protocol carries: the configuration leaves it out.
  snack_squeezenet_fp16: `
    input [ { name: "data" data_type: TYPE_FP32 dims: [ -1, 3, 227, 227 ] } ]
    output [ { name: "classLabel" data_type: TYPE_STRING dims: [ -1, 1 ] } ]`,
};

const RUNTIMES = [
  { name: "native", kind: "KIND_CPU", args: ["--backend-config=onnxruntime,cpu-runtime=native"] },
  { name: "wasm", kind: "KIND_CPU", args: ["--backend-config=onnxruntime,cpu-runtime=wasm"] },
  { name: "webgpu", kind: "KIND_GPU", args: [] },
] as const;

/** Models that a GPU cannot run, or runs wrongly, and what the server should say about why. */
const NOT_ON_GPU: Record<string, RegExp> = {
  silero_vad_v5: /stateN|output/,
  snack_squeezenet_fp16: /BYTES|classLabel/,
};

/** Models that take minutes where the CPU plays the GPU. */
const SLOW_WITHOUT_GPU = new Set(["fns_candy_freedim"]);

const DATATYPES: Record<string, string> = { float32: "FP32", int64: "INT64", int32: "INT32" };

function wire(name: string, tensor: GoldenTensor): WireTensor {
  // A scalar is one element of shape [1] to a model that does not batch.
  const shape = tensor.dims.length === 0 ? [1] : tensor.dims;
  return { name, datatype: DATATYPES[tensor.type!], shape, data: Uint8Array.fromBase64(tensor.b64!) };
}

function strings(data: Uint8Array): string[] {
  const found: string[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < data.length;) {
    const size = view.getUint32(at, true);
    found.push(new TextDecoder().decode(data.subarray(at + 4, at += 4 + size)));
  }
  return found;
}

function close(name: string, got: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(got.length, expected.length, name);
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i] - expected[i]);
    assert.ok(error <= 1e-3 + 1e-3 * Math.abs(expected[i]), `${name}[${i}] is ${got[i]}, expected ${expected[i]}`);
  }
}

async function repositoryOf(models: readonly string[], kind: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "triton-ts-golden-" });
  for (const model of models) {
    await Deno.mkdir(`${folder}/${model}/1`, { recursive: true });
    await Deno.copyFile(`${MODELS}/${model}/model.onnx`, `${folder}/${model}/1/model.onnx`);
    const config = `${CONFIGS[model] ?? ""}\ninstance_group [ { kind: ${kind} count: 1 } ]\n`;
    await Deno.writeTextFile(`${folder}/${model}/config.pbtxt`, `backend: "onnxruntime"\n${config}`);
  }
  return folder;
}

interface ListedVersion {
  state: string;
  device?: string;
  note?: string;
}

async function placement(http: string, model: string): Promise<ListedVersion> {
  const list = await (await fetch(`${http}/v2/models`)).json();
  const entry = list.models.find((each: { name: string }) => each.name === model);
  return entry.versions[0];
}

/** What the style transfer model, which has no golden output, gave on the first runtime. */
let style: Float32Array | undefined;

/** One small picture whose pixels follow a rule. */
function picture(): WireTensor {
  const pixels = Float32Array.from({ length: 3 * 720 * 720 }, (_, i) => (i * 37) % 256);
  return { name: "inputImage", datatype: "FP32", shape: [1, 3, 720, 720], data: new Uint8Array(pixels.buffer) };
}

async function checkModel(server: TestServer, model: string): Promise<void> {
  if (model === "fns_candy_freedim") {
    const [output] = (await infer(server.http, model, [picture()])).values();
    const got = numbers(output) as Float32Array;
    style ??= got;
    // Colours from 0 to 255.
    assert.ok(got.length > 0 && got.every((value, i) => Math.abs(value - style![i]) < 0.5), "runtimes differ");
    return;
  }
  const golden: Golden = JSON.parse(await Deno.readTextFile(`${MODELS}/${model}/golden.json`));
  const inputs = Object.entries(golden.inputs).map(([name, tensor]) => wire(name, tensor));
  const outputs = await infer(server.http, model, inputs);
  for (const [name, expected] of Object.entries(golden.outputs)) {
    const got = outputs.get(name);
    assert.ok(got, `no output ${name}`);
    assert.deepEqual(got.shape, expected.dims, name);
    if (expected.strings) assert.deepEqual(strings(got.data), expected.strings);
    else close(name, numbers(got), numbers({ ...got, data: Uint8Array.fromBase64(expected.b64!) }));
  }
}

const adapter = await available(webgpuAdapter());

for (const runtime of RUNTIMES) {
  const missing = MODELS === undefined
    ? SHARED_ABSENT
    : runtime.name === "webgpu" && adapter.missing !== undefined
    ? adapter.missing
    : undefined;
  const title = `real models give their golden outputs on ${runtime.name}`;
  Deno.test({
    ...needing(title, missing),
    async fn(t) {
      const all = [...Deno.readDirSync(MODELS!)].map((entry) => entry.name).sort();
      const tooSlow = (model: string) =>
        runtime.kind === "KIND_GPU" && adapter.value?.software === true && SLOW_WITHOUT_GPU.has(model);
      const models = all.filter((model) => !tooSlow(model));
      const repository = await repositoryOf(models, runtime.kind);
      try {
        await using server = await TestServer.start({
          repositories: [repository],
          args: runtime.args,
          patience: 480_000,
        });
        for (const model of all.filter(tooSlow)) {
          await t.step({
            ...needing(model, "takes minutes on a software adapter; run it on a machine with a GPU"),
            fn() {},
          });
        }
        for (const model of models) {
          await t.step(model, () => checkModel(server, model));
          await t.step(`${model} runs where it should`, async () => {
            const { state, device = "", note = "" } = await placement(server.http, model);
            assert.equal(state, "READY");
            const reason = runtime.kind === "KIND_GPU" ? NOT_ON_GPU[model] : undefined;
            if (runtime.kind === "KIND_CPU") assert.match(device, new RegExp(runtime.name));
            else if (reason) {
              assert.match(device, /CPU/);
              assert.match(note, reason);
              assert.match(server.log, new RegExp(`${model}[^\\n]*CPU`));
            } else assert.match(device, /GPU/, note);
          });
        }
      } finally {
        await Deno.remove(repository, { recursive: true });
      }
    },
  });
}
