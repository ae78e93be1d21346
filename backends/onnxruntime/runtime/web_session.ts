import type { InferenceSession } from "onnxruntime-web";
import { modelFileUnreadable } from "../../../core/errors/onnxruntime_execution.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";
import { readExternalData } from "./external_data.ts";
import { RuntimeUnavailableError } from "./failures.ts";
import { webAsset } from "./assets.ts";
import type { OrtLoadOptions, OrtRuntime } from "./options.ts";
import { commonSessionOptions } from "./session_options.ts";
import { decodeStringInput } from "./strings.ts";
import { type Feed, type Fetched, graphShape, ORT_TYPE, toWorkerTensor } from "./tensors.ts";

/** A model file and its session options, for onnxruntime-web: it takes bytes, and opens no files. */
export async function readModel(
  options: OrtLoadOptions,
): Promise<{ bytes: Uint8Array; sessionOptions: InferenceSession.SessionOptions }> {
  const { modelName, modelPath } = options;
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(modelPath);
  } catch (thrown) {
    throw modelFileUnreadable(modelName, modelPath, thrown instanceof Error ? thrown.message : String(thrown));
  }
  const externalData = await readExternalData(bytes, modelPath, modelName);
  const sessionOptions: Record<string, unknown> = commonSessionOptions(options);
  if (externalData.length > 0) sessionOptions.externalData = externalData;
  return { bytes, sessionOptions };
}

/** Reads a build's WebAssembly, so that ONNX Runtime does not look for it itself. */
export async function readWasm(runtime: OrtRuntime, file: string): Promise<ArrayBuffer> {
  try {
    return (await Deno.readFile(webAsset(file))).buffer;
  } catch (thrown) {
    throw new RuntimeUnavailableError(runtime, thrown);
  }
}

/** Between requests and the feeds and results of onnxruntime-web. */
export class WebTensors {
  readonly #model: string;
  readonly #scalars: ReadonlySet<string>;
  readonly #scalarOutputs: ReadonlySet<string>;

  constructor(options: OrtLoadOptions) {
    this.#model = options.modelName;
    this.#scalars = new Set(options.inputs.filter((spec) => spec.scalar).map((spec) => spec.name));
    this.#scalarOutputs = new Set(options.outputs.filter((spec) => spec.scalar).map((spec) => spec.name));
  }

  /**
   * Feeds by name. Numbers go as the bytes they are, aligned or not, in shared memory or not: onnxruntime-web copies
   * them into its own memory as bytes.
   */
  feeds(inputs: readonly WorkerTensor[]): InferenceSession.OnnxValueMapType {
    const feeds: Record<string, Feed> = {};
    for (const tensor of inputs) {
      const { name, datatype, data } = tensor;
      feeds[name] = {
        type: ORT_TYPE[datatype],
        dims: graphShape(tensor, this.#scalars.has(name)),
        location: "cpu",
        data: datatype === "BYTES" ? decodeStringInput(tensor, this.#model) : data,
      };
    }
    return feeds as unknown as InferenceSession.OnnxValueMapType;
  }

  output(name: string, fetched: Fetched): WorkerTensor {
    return toWorkerTensor(name, fetched, this.#scalarOutputs.has(name));
  }
}
