import type { DataType } from "../../core/data_type.ts";
import type { SequenceRow } from "../backend.ts";

/**
 * The language between the main thread and the worker of a model instance. A worker only loads, runs and releases; what
 * runs when is decided by the main thread. Control messages and tensors above the ring's size are posted with their
 * buffers transferred; small executions travel through shared memory (`ring.ts`).
 */
export interface WorkerTensor {
  readonly name: string;
  readonly datatype: DataType;
  readonly shape: readonly number[];
  /** As in `core/tensor.ts`; may be a view of shared memory that is only valid until `run` resolves. */
  readonly data: Uint8Array;
}

/** What a worker says of a model it has loaded. */
export interface WorkerModelInfo {
  /** `webgpu`, `native`, `wasm` for ONNX Runtime. */
  readonly runtime: string;
  /** Adapter description on a GPU, "" elsewhere. */
  readonly device: string;
}

/**
 * What a backend implements inside its worker. One object per worker; `load` comes first, `run` one at a time, `release`
 * last.
 *
 * @typeParam Options what the backend's main-thread side sends for loading: plain data.
 */
export interface WorkerModel<Options> {
  load(options: Options): Promise<WorkerModelInfo>;
  /**
   * One execution. Outputs come in the order of `outputs`; their data belongs to the caller afterwards.
   *
   * @param outputs names of the outputs wanted.
   * @param sequences the rows' places for implicit states, where the model has some; undefined for an empty row.
   */
  run(
    inputs: readonly WorkerTensor[],
    outputs: readonly string[],
    sequences?: readonly (SequenceRow | undefined)[],
  ): Promise<WorkerTensor[]> | WorkerTensor[];
  release(): Promise<void>;
}
