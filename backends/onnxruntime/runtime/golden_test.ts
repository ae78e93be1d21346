import assert from "node:assert/strict";
import type { DataType } from "../../../core/data_type.ts";
import { encodeBytes } from "../../../core/tensor.ts";
import { needing, WEBGPU_ABSENT } from "../../../tests/support/needing.ts";
import { shared, SHARED_ABSENT } from "../../../tests/support/paths.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";
import type { OrtRuntime } from "./options.ts";
import { ORT_TYPE } from "./tensors.ts";
import { hasAdapter, type RemoteError, RemoteModel } from "./testing/remote_model.ts";

/** Real models, each with an input and the output that the native runtime once gave for it. */
const MODELS = shared("testdata/models");
const TOLERANCE = 2e-4;

interface Golden {
  readonly inputs: WorkerTensor[];
  readonly outputs: WorkerTensor[];
}

async function golden(model: string): Promise<Golden> {
  const file = JSON.parse(await Deno.readTextFile(`${MODELS}/${model}/golden.json`));
  return { inputs: tensors(file.inputs), outputs: tensors(file.outputs) };
}

function tensors(
  entries: Record<string, { type: string; dims: number[]; b64?: string; strings?: string[] }>,
): WorkerTensor[] {
  return Object.entries(entries).map(([name, { type, dims, b64, strings }]) => ({
    name,
    datatype: Object.entries(ORT_TYPE).find(([, ortType]) => ortType === type)![0] as DataType,
    shape: dims,
    data: b64 === undefined ? encodeBytes(strings!) : Uint8Array.fromBase64(b64),
  }));
}

/** The largest difference of an output, in units of the tolerance: absolute below 1, relative above. */
function deviation(actual: WorkerTensor[], expected: WorkerTensor[]): number {
  let worst = 0;
  assert.equal(actual.length, expected.length);
  actual.forEach(({ name, datatype, shape, data }, index) => {
    const wanted = expected[index];
    assert.deepEqual({ name, datatype, shape: [...shape] }, {
      name: wanted.name,
      datatype: wanted.datatype,
      shape: [...wanted.shape],
    });
    if (datatype !== "FP32") return assert.deepEqual(data, wanted.data);
    const got = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    const want = new Float32Array(wanted.data.slice().buffer);
    got.forEach((value, i) => {
      const difference = Math.abs(value - want[i]) / (TOLERANCE * Math.max(1, Math.abs(want[i])));
      worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
    });
  });
  return worst;
}

async function run(model: string, runtime: OrtRuntime, threads = 1): Promise<number> {
  const { inputs, outputs } = await golden(model);
  await using remote = new RemoteModel();
  await remote.load({
    runtime,
    modelPath: `${MODELS}/${model}/model.onnx`,
    intraOpThreads: threads,
    inputs: inputs.map(({ name, datatype }) => ({ name, datatype })),
    outputs: outputs.map(({ name, datatype }) => ({ name, datatype })),
  });
  const names = outputs.map(({ name }) => name);
  const first = deviation(await remote.run(inputs, names), outputs);
  return Math.max(first, deviation(await remote.run(inputs, names), outputs));
}

const absent = MODELS ? undefined : SHARED_ABSENT;
const adapterAbsent = await hasAdapter() ? undefined : WEBGPU_ABSENT;

const ALL = [
  "mnist",
  "oww_alexa",
  "oww_embedding",
  "oww_melspectrogram",
  "silero_vad_v5",
  "snack_squeezenet_fp16",
  "tf_bert_qa_tiny",
  "ultraface_rfb320",
];

for (const runtime of ["native", "wasm"] as const) {
  for (const model of ALL) {
    Deno.test({
      ...needing(`run() gives the golden outputs of ${model} on ${runtime}`, absent),
      fn: async () => {
        const deviates = await run(model, runtime);
        assert.ok(deviates <= 1, `${deviates} times the tolerance`);
      },
    });
  }
}

for (const runtime of ["native", "wasm"] as const) {
  Deno.test({
    ...needing(`run() gives the golden outputs of mnist on ${runtime} with 2 threads`, absent),
    fn: async () => assert.ok(await run("mnist", runtime, 2) <= 1),
  });
}

for (const model of ["mnist", "oww_alexa", "tf_bert_qa_tiny"]) {
  Deno.test({
    ...needing(`run() gives the golden outputs of ${model} on webgpu`, absent, adapterAbsent),
    fn: async () => {
      const deviates = await run(model, "webgpu");
      assert.ok(deviates <= 1, `${deviates} times the tolerance`);
    },
  });
}

Deno.test({
  ...needing(
    "run() on webgpu answers for silero_vad_v5 what no CPU runtime does, which is why a model is checked there",
    absent,
    adapterAbsent,
  ),
  fn: async () => assert.ok(await run("silero_vad_v5", "webgpu") > 100),
});

Deno.test({
  ...needing("load() on webgpu names the operator when the build has no kernel for it", absent, adapterAbsent),
  fn: async () => {
    await assert.rejects(run("snack_squeezenet_fp16", "webgpu"), (error: RemoteError) => {
      assert.deepEqual([error.name, error.message], ["KernelsMissingError", "kernels missing: ZipMap"]);
      return true;
    });
  },
});
