import assert from "node:assert/strict";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { InferenceRequest, type InferenceResponse } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import { ModelConfigSchema, ModelInstanceGroup_Kind as Kind } from "../../proto/gen/model_config_pb.ts";
import { needing, WEBGPU_ABSENT } from "../../tests/support/needing.ts";
import { shared, SHARED_ABSENT } from "../../tests/support/paths.ts";
import type { LoadedModel, ModelInstance, ModelSource } from "../backend.ts";
import { probeGpu } from "../gpu.ts";
import { type GraphDefinition, ONNX, onnxModel } from "./graph_fixture.ts";
import { onnxruntimeBackend } from "./mod.ts";

const testdata = shared("testdata/models") ?? "";
const testdataAbsent = testdata ? undefined : SHARED_ABSENT;
const gpu = await probeGpu();
const gpuAbsent = gpu ? undefined : WEBGPU_ABSENT;

interface Loaded {
  readonly source: ModelSource;
  readonly loaded: LoadedModel;
  readonly infos: readonly string[];
}

/** Completes and loads the model of `directory`, hands it to `use`, and unloads it. */
async function withModel(
  directory: string,
  config: MessageInitShape<typeof ModelConfigSchema>,
  settings: Record<string, string>,
  use: (loaded: Loaded) => void | Promise<void>,
): Promise<void> {
  const source: ModelSource = {
    name: "m",
    version: 1,
    directory,
    versionDirectory: directory,
    config: create(ModelConfigSchema, { name: "m", ...config }),
  };
  const infos: string[] = [];
  const context = {
    settings: new Map(Object.entries(settings)),
    info: (message: string) => void infos.push(message),
    warning: (message: string) => assert.fail(message),
  };
  await onnxruntimeBackend.complete!(source, context);
  const loaded = await onnxruntimeBackend.load(source, context);
  try {
    await use({ source, loaded, infos });
  } finally {
    await loaded.unload();
  }
}

/** {@link withModel} of a model that the test builds. */
async function withGraph(
  definition: GraphDefinition,
  config: MessageInitShape<typeof ModelConfigSchema>,
  settings: Record<string, string>,
  use: (loaded: Loaded) => void | Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(directory, "model.onnx"), onnxModel(definition));
    await withModel(directory, config, settings, use);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const group = (kind: Kind, count = 1) => ({ instanceGroup: [{ name: "m", kind, count }] });

const SUM: GraphDefinition = {
  inputs: [{ name: "a", shape: ["n", 2] }, { name: "b", shape: ["n", 2] }],
  outputs: [{ name: "sum", shape: ["n", 2] }],
  nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["sum"] }],
};

function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function sumRequest(id: string, a: readonly number[], b: readonly number[]): InferenceRequest {
  const request = new InferenceRequest("m", "1");
  request.id = id;
  request.batchSize = a.length / 2;
  const shape = [request.batchSize, 2];
  request.inputs = [
    { name: "a", datatype: "FP32", shape, data: floats(...a) },
    { name: "b", datatype: "FP32", shape, data: floats(...b) },
  ];
  return request;
}

function execute(instance: ModelInstance, requests: readonly InferenceRequest[]): Promise<InferenceResponse[]> {
  return new Promise((resolve, reject) => {
    const responses: InferenceResponse[] = [];
    instance.execute({
      requests,
      respond: (index, response) => responses[index] = response,
      fail: (_, error) => reject(error),
      finish: (_, error) => error ? reject(error) : resolve(responses),
    });
  });
}

for (const runtime of ["native", "wasm"]) {
  Deno.test(`onnxruntimeBackend loads a model without a config on the CPU (${runtime}) and runs batches`, async () => {
    const settings = { "cpu-runtime": runtime, inline: "off" };
    await withGraph(SUM, group(Kind.CPU, 2), settings, async ({ source, loaded }) => {
      assert.equal(source.config.maxBatchSize, 4);
      assert.match(loaded.device, new RegExp(`^CPU \\(${runtime}, 2 × \\d+ threads?\\)$`));
      assert.equal(loaded.note, "");
      assert.deepEqual(loaded.instances.map(({ name, group }) => [name, group]), [["m_0", "m"], ["m_1", "m"]]);
      for (const instance of loaded.instances) {
        const [one, two] = await execute(instance, [
          sumRequest("one", [1, 2], [10, 20]),
          sumRequest("two", [3, 4, 5, 6], [30, 40, 50, 60]),
        ]);
        assert.deepEqual([one.id, two.id], ["one", "two"]);
        assert.deepEqual(one.outputs[0].shape, [1, 2]);
        assert.deepEqual([...one.outputs[0].data], [...floats(11, 22)]);
        assert.deepEqual(two.outputs[0].shape, [2, 2]);
        assert.deepEqual([...two.outputs[0].data], [...floats(33, 44, 55, 66)]);
      }
    });
  });
}

Deno.test("onnxruntimeBackend moves a model of a type without GPU kernels to the CPU, and says why", async () => {
  const double = (name: string) => ({ name, type: ONNX.DOUBLE, shape: ["n", 2] });
  const graph = { inputs: [double("a"), double("b")], outputs: [double("sum")], nodes: SUM.nodes };
  await withGraph(graph, group(Kind.GPU), {}, ({ loaded }) => {
    assert.equal(loaded.note, "moved to the CPU: WebGPU has no kernels for FP64, the type of input 'a'");
    assert.equal(loaded.moved, true);
    assert.match(loaded.device, /^CPU /);
  });
});

Deno.test("onnxruntimeBackend reports a model that no runtime loads, and leaves nothing behind", async () => {
  const graph = { ...SUM, nodes: [{ op: "NoSuchOperator", inputs: ["a", "b"], outputs: ["sum"] }] };
  for (const kind of [Kind.CPU, Kind.GPU]) {
    await assert.rejects(withGraph(graph, group(kind, 2), { inline: "off" }, () => {}), (error) => {
      assert.ok(error instanceof Status);
      assert.equal(error.code, "INTERNAL");
      assert.match(error.message, /^onnx runtime error \d+: .*NoSuchOperator/);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  }
});

Deno.test("onnxruntimeBackend reports a file that is no model", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(directory, "model.onnx"), "version https://git-lfs.github.com/spec/v1\n");
    await assert.rejects(withModel(directory, group(Kind.CPU), {}, () => {}), {
      code: "INTERNAL",
      message: /Load model from .*model\.onnx failed:Protobuf parsing failed/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  ...needing("onnxruntimeBackend serves from WebGPU what agrees with the CPU", gpuAbsent),
  async fn() {
    await withGraph(SUM, group(Kind.GPU, 2), {}, async ({ loaded, infos }) => {
      assert.match(loaded.device, /^GPU \(.+, 2 instances\)$/);
      assert.equal(loaded.note, "");
      assert.equal(infos.filter((info) => info.includes("WebGPU agrees with the CPU on generated inputs")).length, 1);
      for (const instance of loaded.instances) {
        const [response] = await execute(instance, [sumRequest("", [1, 2], [10, 20])]);
        assert.deepEqual([...response.outputs[0].data], [...floats(11, 22)]);
      }
    });
  },
});

Deno.test({
  ...needing("onnxruntimeBackend runs a model's groups side by side: several on the CPU, one on WebGPU", gpuAbsent),
  async fn() {
    const instanceGroup = [
      { name: "cpu", kind: Kind.CPU, count: 2 },
      { name: "gpu", kind: Kind.GPU, count: 1, gpus: [0] },
      { name: "spare", kind: Kind.CPU, count: 1, passive: true },
    ];
    await withGraph(SUM, { instanceGroup }, {}, async ({ loaded }) => {
      assert.deepEqual(loaded.instances.map(({ name, group, passive }) => [name, group, passive]), [
        ["cpu_0", "cpu", false],
        ["cpu_1", "cpu", false],
        ["gpu_0", "gpu", false],
        ["spare_0", "spare", true],
      ]);
      assert.match(loaded.device, /GPU/);
      assert.match(loaded.device, /CPU/);
      for (const instance of loaded.instances) {
        const [response] = await execute(instance, [sumRequest("", [1, 2], [10, 20])]);
        assert.deepEqual([...response.outputs[0].data], [...floats(11, 22)], instance.name);
      }
    });
  },
});

Deno.test({
  ...needing(
    "onnxruntimeBackend keeps silero_vad_v5 off WebGPU, where it answers wrongly",
    testdataAbsent,
    gpuAbsent,
    gpu?.software ? undefined : "known to be wrong with Mesa's software driver only",
  ),
  async fn() {
    await withModel(join(testdata, "silero_vad_v5"), group(Kind.GPU), {}, ({ loaded }) => {
      assert.match(loaded.device, /^CPU /);
      assert.match(loaded.note, /^moved to the CPU: WebGPU computes it wrongly: output '\w+' at index \d+ is /);
    });
    await withModel(join(testdata, "silero_vad_v5"), group(Kind.GPU), { "gpu-check": "off" }, ({ loaded }) => {
      assert.match(loaded.device, /^GPU /);
    });
  },
});

for (const name of ["mnist", "tf_bert_qa_tiny", "oww_melspectrogram", "oww_embedding", "oww_alexa"]) {
  Deno.test({
    ...needing(`onnxruntimeBackend serves ${name} from WebGPU`, testdataAbsent, gpuAbsent),
    async fn() {
      await withModel(join(testdata, name), group(Kind.GPU), {}, ({ loaded }) => {
        // some operators may stay on the CPU: the note then says which
        assert.doesNotMatch(loaded.note, /moved to the CPU/);
        assert.equal(loaded.moved, false);
        assert.match(loaded.device, /^GPU /);
      });
    },
  });
}
