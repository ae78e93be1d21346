import type { DataType } from "../../../core/data_type.ts";
import type { StatefulOptions } from "../../state/stateful_model.ts";
import type { WorkerModelInfo } from "../../worker/protocol.ts";

/** ONNX Runtime's builds: on the GPU, native on the CPU, WebAssembly on the CPU. */
export type OrtRuntime = "webgpu" | "native" | "wasm";

/** An input or output as the server serves it. */
export interface OrtTensorSpec {
  readonly name: string;
  readonly datatype: DataType;
  /** The graph has a scalar (shape `[]`) where the configuration says `[1]`, as Triton wants it. */
  readonly scalar?: boolean;
}

/** What a worker needs to load a model: plain data, posted by the main thread. */
export interface OrtLoadOptions extends StatefulOptions {
  /** Absolute; a file, or a directory with a `model.onnx`. */
  readonly modelPath: string;
  readonly runtime: OrtRuntime;
  /** Threads inside one operator; 0 leaves it to the runtime. WebGPU always uses 1. */
  readonly intraOpThreads: number;
  /** Threads across operators in parallel mode; 0 leaves it to the runtime. Native only. */
  readonly interOpThreads: number;
  readonly executionMode: "sequential" | "parallel";
  readonly graphOptimization: "all" | "extended" | "basic" | "disabled";
  readonly inputs: readonly OrtTensorSpec[];
  readonly outputs: readonly OrtTensorSpec[];
  /** `enable_mem_arena`, `enable_mem_pattern`; undefined leaves them at ONNX Runtime's defaults. */
  readonly memoryArena?: boolean;
  readonly memoryPattern?: boolean;
  /** Session configuration entries by ONNX Runtime's own keys, as `session.intra_op.allow_spinning`. */
  readonly sessionConfig?: Readonly<Record<string, string>>;
  readonly webgpu?: WebGpuOptions;
  /** Where the runtimes' own files are in a compiled or bundled program (`assets.ts`). */
  readonly assetDirectory?: string;
}

/** Settings of the WebGPU execution provider. */
export interface WebGpuOptions {
  readonly preferredLayout?: "NCHW" | "NHWC";
  readonly validationMode?: "disabled" | "wgpuOnly" | "basic" | "full";
}

/** What a worker says of a model on ONNX Runtime. */
export interface OrtModelInfo extends WorkerModelInfo {
  /** Which operators run where, for people; "" where every one runs on the same device. */
  readonly placement: string;
}
