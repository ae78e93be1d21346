/**
 * The wake-word detector openWakeWord as an ensemble: a melspectrogram, an embedding of each of its windows, and a score
 * of each stretch of embeddings, of which the highest counts. What lies between the three models are small ones, built here
 * for clips of one length.
 */
import { type ConstantDefinition, type GraphDefinition, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import type { WireTensor } from "../support/infer.ts";
import { shared } from "../support/paths.ts";

/** Samples of a clip: three seconds of 16 kHz. */
const SAMPLES = 48_000;
/** Silence before the words. */
const LEAD = 16_000;
/** What the first model makes of a clip: frames of 32 bands. */
const FRAMES = 297;
const BANDS = 32;
const WINDOW = 76;
const STEP = 8;
export const WINDOWS = Math.floor((FRAMES - WINDOW) / STEP) + 1;
const FEATURES = 96;
/** Embeddings that are scored together. */
const STRETCH = 16;
export const STRETCHES = WINDOWS - STRETCH + 1;

function indices(name: string, rows: number, columns: number, step: number): ConstantDefinition {
  const values = BigInt64Array.from({ length: rows * columns }, (_, i) => {
    return BigInt(Math.floor(i / columns) * step + i % columns);
  });
  return { name, dims: [rows, columns], values };
}

function shape(name: string, ...dims: number[]): ConstantDefinition {
  return { name, dims: [dims.length], values: BigInt64Array.from(dims, BigInt) };
}

function scalar(name: string, value: number): ConstantDefinition {
  return { name, dims: [], values: Float32Array.of(value) };
}

/** Scales the melspectrogram as the embedding was trained, and cuts overlapping windows out of it. */
const CUT: GraphDefinition = {
  inputs: [{ name: "mel", shape: [1, 1, FRAMES, BANDS] }],
  outputs: [{ name: "windows", shape: [WINDOWS, WINDOW, BANDS, 1] }],
  constants: [
    scalar("ten", 10),
    scalar("two", 2),
    shape("flat", FRAMES, BANDS),
    indices("which", WINDOWS, WINDOW, STEP),
    shape("channel", WINDOWS, WINDOW, BANDS, 1),
  ],
  nodes: [
    { op: "Div", inputs: ["mel", "ten"], outputs: ["tenth"] },
    { op: "Add", inputs: ["tenth", "two"], outputs: ["scaled"] },
    { op: "Reshape", inputs: ["scaled", "flat"], outputs: ["frames"] },
    { op: "Gather", inputs: ["frames", "which"], outputs: ["cut"] },
    { op: "Reshape", inputs: ["cut", "channel"], outputs: ["windows"] },
  ],
};

const stretches = Array.from({ length: STRETCHES }, (_, i) => `s${i}`);

/** Every stretch of embeddings, one output each. */
const STACK: GraphDefinition = {
  inputs: [{ name: "embeddings", shape: [WINDOWS, 1, 1, FEATURES] }],
  outputs: stretches.map((name) => ({ name, shape: [1, STRETCH, FEATURES] })),
  constants: [shape("flat", WINDOWS, FEATURES), indices("which", STRETCHES, STRETCH, 1)],
  nodes: [
    { op: "Reshape", inputs: ["embeddings", "flat"], outputs: ["rows"] },
    { op: "Gather", inputs: ["rows", "which"], outputs: ["all"] },
    { op: "Split", inputs: ["all"], outputs: stretches },
  ],
};

/** The highest score. */
const BEST: GraphDefinition = {
  inputs: stretches.map((name) => ({ name, shape: [1, 1] })),
  outputs: [{ name: "best", shape: [1, 1] }],
  nodes: [{ op: "Max", inputs: stretches, outputs: ["best"] }],
};

const MEL = `max_batch_size: 0
  input { name: "input" data_type: TYPE_FP32 dims: [ 1, -1 ] }
  output { name: "output" data_type: TYPE_FP32 dims: [ -1, 1, -1, ${BANDS} ] }`;

/** Its windows are rows of a batch. */
const EMBEDDING = `max_batch_size: ${WINDOWS}
  input { name: "input_1" data_type: TYPE_FP32 dims: [ ${WINDOW}, ${BANDS}, 1 ] }
  output { name: "conv2d_19" data_type: TYPE_FP32 dims: [ 1, 1, ${FEATURES} ] }`;

const map = (field: string, key: string, value: string) => `${field} { key: "${key}" value: "${value}" }`;
const step = (model: string, ...maps: string[]) =>
  `step { model_name: "${model}" model_version: -1 ${maps.join(" ")} }`;

const ENSEMBLE = `platform: "ensemble"
  input { name: "AUDIO" data_type: TYPE_FP32 dims: [ 1, ${SAMPLES} ] }
  output { name: "SCORE" data_type: TYPE_FP32 dims: [ 1, 1 ] }
  output { name: "EMBEDDINGS" data_type: TYPE_FP32 dims: [ ${WINDOWS}, 1, 1, ${FEATURES} ] }
  ensemble_scheduling {
    ${step("oww_melspectrogram", map("input_map", "input", "AUDIO"), map("output_map", "output", "mel"))}
    ${step("cut", map("input_map", "mel", "mel"), map("output_map", "windows", "windows"))}
    ${step("oww_embedding", map("input_map", "input_1", "windows"), map("output_map", "conv2d_19", "EMBEDDINGS"))}
    ${
  step(
    "stack",
    map("input_map", "embeddings", "EMBEDDINGS"),
    ...stretches.map((name) => map("output_map", name, `stretch_${name}`)),
  )
}
    ${
  stretches.map((name) =>
    step(
      "oww_alexa",
      map("input_map", "onnx::Flatten_0", `stretch_${name}`),
      map("output_map", "13", `score_${name}`),
    )
  ).join("\n    ")
}
    ${
  step("best", ...stretches.map((name) => map("input_map", name, `score_${name}`)), map("output_map", "best", "SCORE"))
}
  }`;

/** Writes the ensemble `wake_word` and its models into an empty folder. @param kind of instance of all models. */
export async function writeWakeWord(folder: string, kind: "KIND_CPU" | "KIND_GPU"): Promise<void> {
  const write = async (name: string, config: string, model?: Uint8Array) => {
    await Deno.mkdir(`${folder}/${name}/1`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}/config.pbtxt`, config);
    if (model) await Deno.writeFile(`${folder}/${name}/1/model.onnx`, model);
  };
  const group = `backend: "onnxruntime" instance_group [ { kind: ${kind} count: 1 } ]`;
  for (const [name, config] of [["oww_melspectrogram", MEL], ["oww_embedding", EMBEDDING], ["oww_alexa", ""]]) {
    const file = shared(`testdata/models/${name}/model.onnx`);
    await write(name, `${group}\n${config}`, await Deno.readFile(file!));
  }
  for (const [name, graph] of [["cut", CUT], ["stack", STACK], ["best", BEST]] as const) {
    await write(name, group, onnxModel(graph));
  }
  await write("wake_word", ENSEMBLE);
}

/** A recording of `testdata/audio`, 16-bit mono of 16 kHz, as the ensemble takes it. */
export async function clip(name: string): Promise<WireTensor> {
  const wave = await Deno.readFile(shared(`testdata/audio/${name}.wav`)!);
  const header = 44;
  const pcm = new Int16Array(wave.buffer, header, (wave.length - header) >> 1);
  const samples = new Float32Array(SAMPLES);
  samples.set(pcm, LEAD);
  return { name: "AUDIO", datatype: "FP32", shape: [1, SAMPLES], data: new Uint8Array(samples.buffer) };
}
