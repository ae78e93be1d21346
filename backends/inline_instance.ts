import { joinBytes } from "../core/bytes.ts";
import { Status } from "../core/status.ts";
import { alignedBytes } from "../core/tensor.ts";
import type { Execution, ExecutionTiming, ModelInstance } from "./backend.ts";
import { type BatchInput, gatherInputs, splitOutputs, wantedOutputs } from "./batch.ts";
import type { BatchPlan } from "./batch_io.ts";
import type { WorkerModel, WorkerTensor } from "./worker/protocol.ts";

/** What an inline instance is made from. */
export interface InlineInstanceOptions {
  readonly name: string;
  readonly group: string;
  readonly passive?: boolean;
  readonly modelName: string;
  readonly modelVersion: string;
  /** A loaded model whose `run` is synchronous. */
  readonly model: Pick<WorkerModel<never>, "run" | "release">;
  /** Names of all outputs, in the order in which responses carry them. */
  readonly outputs: readonly string[];
  readonly plan?: BatchPlan;
}

/**
 * A model instance on the main thread, for models that run in less time than the way to a worker and back takes. A
 * backend chooses it only where the cost of an execution is known and bounded.
 */
export class InlineInstance implements ModelInstance {
  readonly name: string;
  readonly group: string;
  readonly passive: boolean;
  readonly capacity = 1;
  readonly available = true;
  onAvailable: () => void = () => {};

  constructor(private readonly options: InlineInstanceOptions) {
    this.name = options.name;
    this.group = options.group;
    this.passive = options.passive ?? false;
  }

  execute(execution: Execution): void {
    const { requests } = execution;
    const { model, outputs, modelName, modelVersion, plan } = this.options;
    const began = performance.now();
    let ready = began;
    let inferred = began;
    try {
      const inputs = requests.length === 1 && plan === undefined
        ? requests[0].inputs
        : gatherInputs(requests, plan).map(concatenate);
      const wanted = wantedOutputs(requests, outputs);
      ready = performance.now();
      const results = model.run(inputs, wanted, execution.sequences) as WorkerTensor[];
      inferred = performance.now();
      const responses = splitOutputs(requests, results, modelName, modelVersion, plan);
      for (let i = 0; i < responses.length; i++) execution.respond(i, responses[i]);
      execution.finish({ inputMs: ready - began, inferMs: inferred - ready, outputMs: performance.now() - inferred });
    } catch (thrown) {
      execution.finish(NO_TIME, Status.from(thrown));
    }
  }

  stop(): Promise<void> {
    return this.options.model.release();
  }
}

function concatenate({ name, datatype, shape, pieces, byteLength }: BatchInput): WorkerTensor {
  if (pieces.length === 1) return { name, datatype, shape, data: alignedBytes(pieces[0], 8) };
  return { name, datatype, shape, data: joinBytes(pieces, byteLength) };
}

const NO_TIME: ExecutionTiming = { inputMs: 0, inferMs: 0, outputMs: 0 };
