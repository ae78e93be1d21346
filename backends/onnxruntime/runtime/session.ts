import type { WorkerTensor } from "../../worker/protocol.ts";

/** A loaded model, the same for all three runtimes. One call at a time. */
export interface OrtSession {
  /** Description of the GPU, "" on the CPU. */
  readonly device: string;
  /** As in `OrtModelInfo`. */
  readonly placement: string;
  /**
   * Runs the model. Inputs may be views of shared memory; outputs are the caller's.
   *
   * @throws Status that names the model; native sessions throw it synchronously, others reject.
   */
  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): Promise<WorkerTensor[]> | WorkerTensor[];
  release(): Promise<void>;
}
