/** A real stateful model: many audio streams at once, each as if it had the model to itself. */
import assert from "node:assert/strict";
import { OrtWorkerModel } from "../../backends/onnxruntime/runtime/worker_model.ts";
import { shared, SHARED_ABSENT } from "../support/paths.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";
import { infer, numbers, type WireTensor } from "../support/infer.ts";

const MODEL = shared("testdata/models/silero_vad_v5/model.onnx");
const AUDIO = shared("testdata/audio");

const STREAMS = 12;
const RATE = 16000;
/** What the model looks at in one request, and how much of that it has seen before. */
const WINDOW = 512;
const CONTEXT = 64;

const CONFIG = `
backend: "onnxruntime"
sequence_batching {
  oldest { max_candidate_sequences: ${STREAMS - 7} }
  max_sequence_idle_microseconds: 60000000
  state [ { input_name: "state" output_name: "stateN" data_type: TYPE_FP32 dims: [ 2, -1, 128 ] } ]
}
input [ { name: "input" data_type: TYPE_FP32 dims: [ -1, -1 ] }, { name: "sr" data_type: TYPE_INT64 dims: [ 1 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ -1, 1 ] } ]
`;

const RUNTIMES = [{ name: "native", tolerance: 0 }, { name: "wasm", tolerance: 1e-5 }];

/** Samples of a 16-bit mono WAV file, from -1 to 1. */
async function readWav(path: string): Promise<Float32Array> {
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer);
  let at = 12;
  while (String.fromCharCode(...bytes.subarray(at, at + 4)) !== "data") at += 8 + view.getUint32(at + 4, true);
  const length = view.getUint32(at + 4, true) / 2;
  return Float32Array.from({ length }, (_, i) => view.getInt16(at + 8 + i * 2, true) / 32768);
}

/** The requests of a stream: windows of samples with what came before each. */
function windowsOf(samples: Float32Array): Float32Array[] {
  const windows: Float32Array[] = [];
  for (let start = 0; start + WINDOW <= samples.length; start += WINDOW) {
    const window = new Float32Array(CONTEXT + WINDOW);
    if (start > 0) window.set(samples.subarray(start - CONTEXT, start));
    window.set(samples.subarray(start, start + WINDOW), CONTEXT);
    windows.push(window);
  }
  return windows;
}

const bytesOf = (array: Float32Array | BigInt64Array) => new Uint8Array(array.slice().buffer);
const inputsOf = (window: Float32Array): WireTensor[] => [
  { name: "input", datatype: "FP32", shape: [1, window.length], data: bytesOf(window) },
  { name: "sr", datatype: "INT64", shape: [1], data: bytesOf(BigInt64Array.of(BigInt(RATE))) },
];

/** What the model says of each window when it is run alone, its state handed on by hand. */
async function runAlone(streams: readonly Float32Array[][]): Promise<number[][]> {
  const model = new OrtWorkerModel();
  const specs = {
    inputs: [
      { name: "input", datatype: "FP32" as const },
      { name: "state", datatype: "FP32" as const },
      { name: "sr", datatype: "INT64" as const, scalar: true },
    ],
    outputs: [{ name: "output", datatype: "FP32" as const }, { name: "stateN", datatype: "FP32" as const }],
  };
  await model.load({
    ...specs,
    modelName: "alone",
    modelPath: MODEL!,
    runtime: "native",
    intraOpThreads: 1,
    interOpThreads: 1,
    executionMode: "sequential",
    graphOptimization: "all",
  });
  try {
    return streams.map((windows) => {
      let state: WireTensor = { name: "state", datatype: "FP32", shape: [2, 1, 128], data: new Uint8Array(1024) };
      return windows.map((window) => {
        const inputs = [...inputsOf(window), state] as Parameters<typeof model.run>[0];
        const [output, next] = model.run(inputs, ["output", "stateN"]) as WireTensor[];
        state = { ...next, name: "state", data: next.data.slice() };
        return numbers(output)[0];
      });
    });
  } finally {
    await model.release();
  }
}

for (const { name, tolerance } of RUNTIMES) {
  Deno.test({
    ...needing(
      `audio streams with implicit state are kept apart on ${name}`,
      MODEL && AUDIO ? undefined : SHARED_ABSENT,
    ),
    async fn() {
      const files = await Promise.all(
        ["oww_alexa_test.wav", "oww_hey_mycroft_test.wav"].map((file) => readWav(`${AUDIO}/${file}`)),
      );
      // the same words from another beginning are another stream
      const streams = Array.from(
        { length: STREAMS },
        (_, i) => windowsOf(files[i % 2].subarray((i >> 1) * 411)),
      );
      const expected = await runAlone(streams);
      assert.ok(expected.every((scores) => Math.max(...scores) > 0.5), "there is speech in every stream");
      const repository = await Deno.makeTempDir({ prefix: "triton-ts-silero-" });
      try {
        await Deno.mkdir(`${repository}/vad/1`, { recursive: true });
        await Deno.copyFile(MODEL!, `${repository}/vad/1/model.onnx`);
        await Deno.writeTextFile(`${repository}/vad/config.pbtxt`, CONFIG);
        const args = [`--backend-config=onnxruntime,cpu-runtime=${name}`];
        await using server = await TestServer.start({ repositories: [repository], args });
        const got = await Promise.all(streams.map(async (windows, stream) => {
          const scores: number[] = [];
          for (const [index, window] of windows.entries()) {
            const outputs = await infer(server.http, "vad", inputsOf(window), {
              sequence_id: stream % 3 === 0 ? `stream ${stream}` : stream,
              sequence_start: index === 0,
              sequence_end: index === windows.length - 1,
            });
            assert.deepEqual([...outputs.keys()], ["output"], "states are not returned");
            scores.push(numbers(outputs.get("output")!)[0]);
          }
          return scores;
        }));
        for (let stream = 0; stream < STREAMS; stream++) {
          for (let i = 0; i < got[stream].length; i++) {
            const error = Math.abs(got[stream][i] - expected[stream][i]);
            assert.ok(
              error <= tolerance,
              `stream ${stream}, window ${i}: ${got[stream][i]}, alone ${expected[stream][i]}`,
            );
          }
          assert.equal(got[stream].length, expected[stream].length);
        }
      } finally {
        await Deno.remove(repository, { recursive: true });
      }
    },
  });
}
