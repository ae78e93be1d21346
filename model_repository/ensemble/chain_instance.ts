import type { Execution, ExecutionTiming, ModelInstance } from "../../backends/backend.ts";
import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import type { InferenceRequest, InferenceResponse } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import { alignedBytes } from "../../core/tensor.ts";
import { type CloseReason, type FailureReason, ModelStatistics } from "../../observability/statistics.ts";
import type { ChainRequest } from "./chain_request.ts";

/** Where the scheduler of a chain counts. What happens in its queue happens to the first model of the chain. */
export class ChainStatistics extends ModelStatistics {
  /** Why the batch that is handed over next takes no more; undefined where no batches are formed. */
  closeReason: CloseReason | undefined = undefined;

  constructor(private readonly first: ModelStatistics) {
    super();
  }

  override batchClosed(reason: CloseReason): void {
    this.closeReason = reason;
  }

  /** An execution that failed is not the end: the steps run, and count, one by one. */
  override requestFailed(totalMs: number, reason: FailureReason): void {
    if (reason !== "BACKEND") this.first.requestFailed(totalMs, reason);
  }
}

/** What its workers say of a chain. */
export interface ChainOutcomes {
  worked(): void;
  /** @param worker the one in which an execution failed. */
  failed(reason: string, worker: ChainWorker): void;
}

/** A worker that runs a chain. */
export interface ChainWorker extends ModelInstance {
  kill(reason: string): void;
  stop(): Promise<void>;
}

/** One worker of a chain as the chain's scheduler sees it: each model counts what it runs as if it were asked itself. */
export class ChainInstance implements ModelInstance {
  readonly passive = false;

  /**
   * @param models where each link's model counts. @param batching all links have the rows of the requests; else each has
   * rows of its own.
   */
  constructor(
    readonly worker: ChainWorker,
    private readonly models: readonly { readonly statistics: ModelStatistics }[],
    private readonly batching: boolean,
    private readonly statistics: ChainStatistics,
    private readonly outcomes: ChainOutcomes,
  ) {}

  get name(): string {
    return this.worker.name;
  }

  get group(): string {
    return this.worker.group;
  }

  get capacity(): number {
    return this.worker.capacity;
  }

  get available(): boolean {
    return this.worker.available;
  }

  get onAvailable(): () => void {
    return this.worker.onAvailable;
  }

  set onAvailable(callback: () => void) {
    this.worker.onAvailable = callback;
  }

  execute(execution: Execution): void {
    this.worker.execute(new CountedExecution(execution, this, this.statistics.closeReason));
  }

  /** @param execution that is over. @param times rows and milliseconds of each link; undefined where it failed. */
  ended(execution: CountedExecution, timing: ExecutionTiming, times: Float64Array | undefined, reason: string): void {
    if (times) {
      this.outcomes.worked();
      this.#count(execution, timing, times);
      return;
    }
    for (const request of execution.requests) (request as ChainRequest).failed = true;
    this.outcomes.failed(reason, this.worker);
  }

  #count({ requests, began, closeReason }: CountedExecution, timing: ExecutionTiming, times: Float64Array): void {
    const links = times.length / 2;
    const now = performance.now();
    const together = requests.reduce((sum, { batchSize }) => sum + batchSize, 0);
    let later = 0;
    for (let i = 1; i < links; i++) later += times[2 * i + 1];
    for (let i = 0; i < links; i++) {
      const [rows, inferMs] = times.subarray(2 * i, 2 * i + 2);
      const { statistics } = this.models[i];
      const phases = {
        inputMs: i === 0 ? timing.inputMs : 0,
        inferMs,
        outputMs: i === links - 1 ? timing.outputMs : 0,
      };
      if (closeReason) statistics.batchClosed(closeReason);
      statistics.executed(this.batching ? together : rows, phases);
      for (const { batchSize, receivedAt } of requests) {
        const totalMs = i === 0 ? Math.max(inferMs, now - receivedAt - later) : inferMs;
        const queueMs = i === 0 ? began - receivedAt : 0;
        statistics.requestSucceeded(this.batching ? batchSize : rows, totalMs, queueMs, phases);
      }
    }
  }
}

/** An execution of a chain, whose responses lose what only the statistics want. */
class CountedExecution implements Execution {
  readonly requests: readonly InferenceRequest[];
  /** `performance.now()` when its worker got it. */
  readonly began: number = performance.now();
  #times: Float64Array | undefined;

  constructor(
    private readonly inner: Execution,
    private readonly instance: ChainInstance,
    readonly closeReason: CloseReason | undefined,
  ) {
    this.requests = inner.requests;
  }

  respond(index: number, response: InferenceResponse): void {
    this.#times ??= timesIn(response);
    const outputs = response.outputs.filter(({ name }) => name !== LINK_TIMES);
    this.inner.respond(index, { ...response, outputs });
  }

  fail(index: number, error: Status): void {
    this.inner.fail(index, error);
  }

  finish(timing: ExecutionTiming, error?: Status): void {
    const times = error ? undefined : this.#times;
    this.instance.ended(this, timing, times, error?.message ?? "it gave no response");
    this.inner.finish(timing, error);
  }
}

/** Of the first row, copied: all rows are the same. */
function timesIn({ outputs }: InferenceResponse): Float64Array | undefined {
  const times = outputs.find(({ name }) => name === LINK_TIMES);
  if (!times) return undefined;
  const bytes = alignedBytes(times.data, 8);
  return new Float64Array(bytes.buffer, bytes.byteOffset, times.shape[1]).slice();
}
