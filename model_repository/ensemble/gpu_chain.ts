import { type ChainLink, chainOptionsOf, startChain } from "../../backends/onnxruntime/chain.ts";
import type { WorkerInstance } from "../../backends/worker/worker_instance.ts";
import type { Clock } from "../../core/clock.ts";
import { type Log } from "../../observability/log.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import { DefaultScheduler } from "../../scheduler/default_scheduler.ts";
import { Demands } from "../../scheduler/ensemble/demand.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import type { ServedModel } from "../served_model.ts";

/** After so many failed requests the worker is started anew: each made it load its models again, which leaks memory. */
const FAILURES_PER_WORKER = 8;
/** A chain that has failed so often and never worked is left alone. */
const FAILURES_WITHOUT_SUCCESS = 3;

/** Steps of an ensemble in one GPU worker. */
export class GpuChain {
  readonly scheduler: Scheduler;
  readonly demands: Demands;
  #failures = 0;
  #worked = false;

  private constructor(
    private readonly instance: WorkerInstance,
    /** The steps as an ensemble of their own: what they read from outside, and what is read outside. */
    readonly part: EnsembleDescription,
    /** The versions whose files it has loaded, step by step. */
    readonly models: readonly ServedModel[],
    private readonly log: Log,
    clock: Clock,
  ) {
    this.demands = new Demands(part);
    const statistics = new ModelStatistics();
    this.scheduler = new DefaultScheduler({ modelName: part.name, instances: [instance], statistics, clock });
  }

  /** @throws WorkerLoadError where one of the models does not load there. */
  static async start(
    ensemble: EnsembleDescription,
    modelVersion: string,
    name: string,
    chain: readonly number[],
    all: readonly ServedModel[],
    log: Log,
    clock: Clock,
  ): Promise<GpuChain> {
    const models = chain.map((index) => all[index]);
    const distinct = [...new Set(models)];
    const steps = chain.map((index) => ensemble.steps[index]);
    const instance = await startChain({
      modelName: ensemble.name,
      modelVersion,
      name,
      models: distinct.map(({ loaded }) => chainOptionsOf(loaded)!),
      links: steps.map((step, i) => linkOf(step, models[i], distinct.indexOf(models[i]))),
      onLog: (severity, text) => log[severity](`${ensemble.name}: ${text}`),
    });
    return new GpuChain(instance, partOf(ensemble, chain), models, log, clock);
  }

  /** False while requests have to go step by step. */
  get usable(): boolean {
    return this.instance.available && (this.#worked || this.#failures < FAILURES_WITHOUT_SUCCESS);
  }

  worked(): void {
    this.#worked = true;
  }

  /** A request failed here, and goes step by step. */
  failed(reason: string): void {
    this.#failures++;
    if (!this.#worked && this.#failures === FAILURES_WITHOUT_SUCCESS) {
      this.log.warning(
        `${this.part.name}: its steps do not run as one chain on the GPU, and run one by one: ${reason}`,
      );
    } else if (this.#failures % FAILURES_PER_WORKER === 0) {
      this.instance.kill(`${FAILURES_PER_WORKER} requests failed in it, the last because ${reason}`);
    }
  }

  stop(): Promise<void> {
    this.scheduler.stop();
    return this.instance.stop();
  }
}

function linkOf({ inputs, outputs, batching }: StepDescription, { config }: ServedModel, model: number): ChainLink {
  return {
    model,
    inputs: inputs.map(({ name, tensor, dims }) => ({ name, tensor, dims: batching ? [-1, ...dims] : dims })),
    outputs,
    maxBatchSize: config.maxBatchSize,
  };
}

function partOf({ name, steps, outputs }: EnsembleDescription, chain: readonly number[]): EnsembleDescription {
  const inside = chain.map((index) => steps[index]);
  const readOutside = new Set([
    ...steps.filter((_, index) => !chain.includes(index)).flatMap((step) => step.inputs.map(({ tensor }) => tensor)),
    ...outputs.map(({ name }) => name),
  ]);
  const leaving = inside.flatMap(({ outputs }) => outputs).filter(({ tensor }) => readOutside.has(tensor));
  return {
    name,
    batching: inside[0].batching,
    decoupled: false,
    inputs: inside[0].inputs.map(({ tensor }) => tensor),
    outputs: leaving.map(({ tensor }) => ({ name: tensor, dims: [] })),
    steps: inside,
    maxInflightRequests: 0,
  };
}

/** The chain as one step of its ensemble, whose model has the name `modelName`. */
export function stepOfChain({ part }: GpuChain, modelName: string): StepDescription {
  const batching = new Map(part.steps.flatMap((step) => step.outputs.map(({ tensor }) => [tensor, step.batching])));
  return {
    modelName,
    modelVersion: "",
    batching: part.batching,
    decoupled: false,
    inputs: part.steps[0].inputs.map(({ tensor, dims }) => ({ name: tensor, tensor, dims })),
    outputs: part.outputs.map(({ name }) => ({ name, tensor: name, batching: batching.get(name) })),
  };
}
