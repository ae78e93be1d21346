import {
  type ChainInput,
  type ChainLink,
  chainOfferOf,
  type ChainOutput,
  startChain,
} from "../../backends/onnxruntime/chain.ts";
import { Survivors } from "../../backends/worker/survivors.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../observability/log.ts";
import { Demands } from "../../scheduler/ensemble/demand.ts";
import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import type { ServedModel } from "../served_model.ts";
import { ChainInstance, type ChainOutcomes, ChainStatistics, type ChainWorker } from "./chain_instance.ts";
import { type ChainSizes, chainSizesOf, instancesOf, sharesBatches } from "./chain_obstacles.ts";
import { ChainRequests, inputsOf } from "./chain_request.ts";
import { chainScheduler } from "./chain_scheduler.ts";
import { FailedShapes } from "./failed_shapes.ts";

/** After so many failed executions a worker is started anew: each made it load its models again, which leaks memory. */
const FAILURES_PER_WORKER = 8;
/** A chain that has failed so often and never worked is left alone. */
const FAILURES_WITHOUT_SUCCESS = 3;

/** What a chain is made from. */
export interface GpuChainOptions {
  readonly ensemble: EnsembleDescription;
  readonly modelVersion: string;
  readonly name: string;
  /** Numbers of its steps, in the order in which they run. */
  readonly steps: readonly number[];
  /** The models of all steps of the ensemble. */
  readonly models: readonly ServedModel[];
  readonly log: Log;
  readonly clock: Clock;
  /** Requests that may wait; see `SchedulerOptions`. */
  readonly maxQueueSize?: number;
  /** The module of its workers, where it is not the usual one. */
  readonly module?: URL | string;
}

/** Steps of an ensemble in GPU workers of their own, as many as the steps' models have instances. */
export class GpuChain implements ChainOutcomes {
  readonly scheduler: Scheduler;
  readonly demands: Demands;
  readonly instances: readonly ChainInstance[];
  readonly failedShapes: FailedShapes;
  readonly requests: ChainRequests;
  readonly #failures = new Map<ChainWorker, number>();
  #failed = 0;
  #worked = false;

  private constructor(
    /** The steps as an ensemble of their own: what they read from outside, and what is read outside. */
    readonly part: EnsembleDescription,
    /** The versions whose files it has loaded, step by step. */
    readonly models: readonly ServedModel[],
    /** How many rows it takes. */
    readonly sizes: ChainSizes,
    workers: readonly ChainWorker[],
    clock: Clock,
    maxQueueSize: number | undefined,
    private readonly log: Log,
  ) {
    this.demands = new Demands(part);
    this.failedShapes = new FailedShapes(clock);
    const batching = sharesBatches(models.map(({ config }) => config));
    const statistics = new ChainStatistics(models[0].statistics);
    this.instances = workers.map((worker) => new ChainInstance(worker, models, batching, statistics, this));
    this.requests = new ChainRequests(part, models[0], sizes.maxBatchSize, batching);
    const options = { instances: this.instances, statistics, clock, maxQueueSize };
    this.scheduler = chainScheduler(models[0].config, this.requests.inputs, sizes.maxBatchSize, options);
  }

  /** @throws WorkerLoadError where one of the models does not load there. */
  static async start(options: GpuChainOptions): Promise<GpuChain> {
    const { ensemble, name, log } = options;
    const models = options.steps.map((index) => options.models[index]);
    const configs = models.map(({ config }) => config);
    const sizes = chainSizesOf(configs)!;
    const distinct = [...new Set(models)];
    const links = options.steps.map((step, i) => {
      return linkOf(ensemble.steps[step], models[i], distinct.indexOf(models[i]), i === 0);
    });
    const survivors = new Survivors();
    const starting = Array.from({ length: instancesOf(models[0].loaded) }, (_, i) =>
      startChain({
        modelName: ensemble.name,
        modelVersion: options.modelVersion,
        group: name,
        name: `${name}_${i}`,
        models: distinct.map(({ loaded }) => chainOfferOf(loaded)!),
        links,
        batching: sharesBatches(configs),
        allowedSizes: sizes.allowedSizes,
        survivors,
        onLog: (severity, text) => log[severity](`${ensemble.name}: ${text}`),
        module: options.module,
      }));
    const started = await Promise.allSettled(starting);
    const workers = started.flatMap((result) => result.status === "fulfilled" ? [result.value] : []);
    for (const result of started) {
      if (result.status === "fulfilled") continue;
      await Promise.all(workers.map((worker) => worker.stop()));
      throw result.reason;
    }
    const part = partOf(ensemble, options.steps);
    return new GpuChain(part, models, sizes, workers, options.clock, options.maxQueueSize, log);
  }

  /** False while requests have to go step by step. */
  get usable(): boolean {
    return this.instances.some(({ available }) => available) &&
      (this.#worked || this.#failed < FAILURES_WITHOUT_SUCCESS);
  }

  worked(): void {
    this.#worked = true;
  }

  /** An execution failed, and its requests go step by step. */
  failed(reason: string, worker: ChainWorker): void {
    const failures = (this.#failures.get(worker) ?? 0) + 1;
    this.#failures.set(worker, failures);
    this.#failed++;
    if (!this.#worked && this.#failed === FAILURES_WITHOUT_SUCCESS) {
      this.log.warning(
        `${this.part.name}: its steps do not run as one chain on the GPU, and run one by one: ${reason}`,
      );
    } else if (failures % FAILURES_PER_WORKER === 0) {
      worker.kill(`${FAILURES_PER_WORKER} executions failed in it, the last because ${reason}`);
    }
  }

  async stop(): Promise<void> {
    this.scheduler.stop();
    await Promise.all(this.instances.map(({ worker }) => worker.stop()));
  }
}

/** @param first its inputs come as its model takes them: they are checked, and reshaped, before. */
function linkOf(
  { inputs, outputs, batching }: StepDescription,
  { config }: ServedModel,
  model: number,
  first: boolean,
): ChainLink {
  const full = (dims: readonly number[]) => batching ? [-1, ...dims] : dims;
  return {
    model,
    inputs: inputs.map(({ name, tensor, dims }): ChainInput => {
      const reshape = config.input.find((input) => input.name === name)!.reshape?.shape.map(Number);
      if (!reshape) return { name, tensor, dims: full(dims) };
      return first ? { name, tensor, dims: full(reshape) } : { name, tensor, dims: full(dims), reshape: full(reshape) };
    }),
    outputs: outputs.map(({ name, tensor }): ChainOutput => {
      const { reshape, dims } = config.output.find((output) => output.name === name)!;
      if (!reshape) return { name, tensor };
      return { name, tensor, reshape: { from: full(reshape.shape.map(Number)), to: full(dims.map(Number)) } };
    }),
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
    inputs: inputsOf(inside).map(({ tensor }) => tensor),
    outputs: leaving.map(({ tensor }) => ({ name: tensor, dims: [] })),
    steps: inside,
    maxInflightRequests: 0,
  };
}

/** The chain as one step of its ensemble, whose model has the name `modelName`. */
export function stepOfChain({ part, requests }: GpuChain, modelName: string): StepDescription {
  const batching = new Map(part.steps.flatMap((step) => step.outputs.map(({ tensor }) => [tensor, step.batching])));
  return {
    modelName,
    modelVersion: "",
    batching: part.batching,
    decoupled: false,
    inputs: requests.inputs.map(({ tensor, dims }) => ({ name: tensor, tensor, dims })),
    outputs: part.outputs.map(({ name }) => ({ name, tensor: name, batching: batching.get(name) })),
  };
}
