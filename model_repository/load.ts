import { clone } from "@bufbuild/protobuf";
import { join } from "node:path";
import type { Backend, BackendContext, BackendSettings, LoadedModel, ModelSource } from "../backends/backend.ts";
import type { Clock } from "../core/clock.ts";
import { backendNotFound } from "../core/errors/repository.ts";
import { Status } from "../core/status.ts";
import type { Log } from "../observability/log.ts";
import { ResponseStatistics } from "../observability/response_statistics.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { type ModelConfig, ModelConfigSchema, ModelInstanceGroup_Kind } from "../proto/gen/model_config_pb.ts";
import type { ResponseCache } from "../scheduler/cache/response_cache.ts";
import type { RateLimiter } from "../scheduler/rate_limiter/rate_limiter.ts";
import { ineffectiveSettings, normaliseConfig, normaliseInstanceGroups, validateAtLoad } from "./config/mod.ts";
import { createScheduler } from "./create_scheduler.ts";
import { isEnsemble } from "./ensemble/ensembles.ts";
import { type FindServedModel, serveEnsemble } from "./ensemble/served_ensemble.ts";
import { readLabels } from "./labels.ts";
import { Limiter } from "./limiter.ts";
import type { PolledModel } from "./polled_model.ts";
import { rateLimitsOf } from "./rate_limits.ts";
import { epochOf, withCache } from "./response_cache.ts";
import { ServedModel } from "./served_model.ts";
import { warmUp } from "./warmup.ts";

/** What loading needs of the server around it. */
export interface LoadOptions {
  readonly backends: ReadonlyMap<string, Backend>;
  /** `--backend-config` of one backend. */
  readonly backendSettings: (backend: string) => BackendSettings;
  /** True if there is a real GPU that instances can run on. */
  readonly gpuAvailable: () => Promise<boolean>;
  /** True if there is any adapter, a software one included: asked only where a model wants KIND_GPU. */
  readonly adapterAvailable?: () => Promise<boolean>;
  /** False with `--disable-auto-complete-config`. */
  readonly autoComplete: boolean;
  /** `--model-load-thread-count`: versions that load at once. */
  readonly loadThreads: number;
  /** `--model-load-retry-count`: how often a version that failed is tried again. */
  readonly loadRetries: number;
  /** `--cache-config`: keeps the responses of models that ask for it. */
  readonly cache?: ResponseCache;
  /** `--rate-limit=execution_count`: shares resources between the instances of all models. */
  readonly rateLimiter?: RateLimiter;
  /** `--max-queue-size`: requests that may wait for a model whose configuration does not say; Infinity for any number. */
  readonly maxQueueSize?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Turns polled models into served ones. */
export class ModelLoader {
  readonly #limiter: Limiter;

  /** @param find finds the models that ensembles run. */
  constructor(private readonly options: LoadOptions, private readonly find: FindServedModel) {
    this.#limiter = new Limiter(Math.max(1, options.loadThreads));
  }

  /** Loads versions of one model, side by side as far as the limit allows; each is served or has its error. */
  async load(model: PolledModel, versions: readonly number[]): Promise<Map<number, ServedModel | Status>> {
    const results = new Map<number, ServedModel | Status>();
    if (isEnsemble(model)) {
      await Promise.all(versions.map(async (version) => {
        results.set(version, await this.#attempt(() => serveEnsemble(model, version, this.find, this.options)));
      }));
      return results;
    }
    const prepared = await this.#limiter.run(() => this.#attempt(() => this.#prepare(model, versions[0])));
    await Promise.all(versions.map(async (version) => {
      const result = prepared instanceof Status
        ? prepared
        : await this.#limiter.run(() => this.#attempt(() => this.#loadVersion(prepared, version)));
      results.set(version, result);
    }));
    return results;
  }

  /** Runs `task`, again after a failure as often as retries are allowed; an error becomes the result. */
  async #attempt<T>(task: () => Promise<T>): Promise<T | Status> {
    for (let retries = this.options.loadRetries;; retries--) {
      try {
        return await task();
      } catch (thrown) {
        if (retries <= 0) return Status.from(thrown);
      }
    }
  }

  /** What the versions of a model have in common: its completed and checked configuration. */
  async #prepare(model: PolledModel, version: number): Promise<PreparedModel> {
    const { backends, backendSettings, log, gpuAvailable, adapterAvailable, autoComplete } = this.options;
    const config = clone(ModelConfigSchema, model.config);
    const backend = backends.get(config.backend);
    if (!backend) throw backendNotFound(config.backend, [...backends.keys()]);
    const context: BackendContext = {
      settings: backendSettings(backend.name),
      info: (message) => log.info(`${model.name}: ${message}`),
      warning: (message) => log.warning(`${model.name}: ${message}`),
    };
    if (autoComplete) {
      await backend.complete?.(sourceOf(model, config, version), context);
      normaliseConfig(config);
    }
    const wantsGpu = config.instanceGroup.some(({ kind }) => kind === ModelInstanceGroup_Kind.GPU);
    const softwareGpu = wantsGpu && await adapterAvailable?.();
    normaliseInstanceGroups(config, { gpuAvailable: await gpuAvailable(), softwareGpu });
    validateAtLoad(config);
    const { warnings, notes } = ineffectiveSettings(config);
    warnings.forEach(context.warning);
    notes.forEach(context.info);
    return { model, config, backend, context };
  }

  async #loadVersion({ model, config, backend, context }: PreparedModel, version: number): Promise<ServedModel> {
    const { clock, cache, log, maxQueueSize } = this.options;
    const labels = await readLabels(config, model.directory);
    const loaded = await this.#loadLimited(config, () => backend.load(sourceOf(model, config, version), context));
    try {
      await warmUp(config, model.directory, loaded);
      const statistics = new ModelStatistics();
      if (config.modelTransactionPolicy?.decoupled) statistics.responses = new ResponseStatistics();
      const inner = createScheduler(config, {
        instances: loaded.instances,
        statistics,
        clock,
        maxQueueSize,
        warning: context.warning,
      });
      const own = await epochOf(config, model, version, cache);
      const epoch = () => own;
      const scheduler = withCache(config, version, inner, { cache, epoch, statistics, clock, log, maxQueueSize });
      return new ServedModel({ config, version, loaded, scheduler, statistics, labels, epoch });
    } catch (thrown) {
      await this.#unloadQuietly(loaded, model.name);
      throw thrown;
    }
  }

  /** Loads a version whose instances the rate limiter can satisfy. */
  async #loadLimited(config: ModelConfig, load: () => Promise<LoadedModel>): Promise<LoadedModel> {
    const limits = rateLimitsOf(config, this.options.rateLimiter);
    try {
      return limits.limit(await load());
    } catch (thrown) {
      limits.cancel();
      throw thrown;
    }
  }

  /** Gives a version back that did not get as far as serving; its own error is the one to report. */
  async #unloadQuietly(loaded: LoadedModel, name: string): Promise<void> {
    try {
      await loaded.unload();
    } catch (thrown) {
      this.options.log.warning(
        `${name}: cannot release the model after its load failed: ${Status.from(thrown).message}`,
      );
    }
  }
}

interface PreparedModel {
  readonly model: PolledModel;
  readonly config: ModelConfig;
  readonly backend: Backend;
  readonly context: BackendContext;
}

function sourceOf({ name, directory }: PolledModel, config: ModelConfig, version: number): ModelSource {
  return { name, version, directory, versionDirectory: join(directory, String(version)), config };
}
