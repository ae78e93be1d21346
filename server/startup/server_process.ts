import { systemClock } from "../../core/clock.ts";
import { someModelsFailed } from "../../core/errors/options.ts";
import type { Status } from "../../core/status.ts";
import { ModelRepository } from "../../model_repository/repository.ts";
import type { Logger } from "../../observability/log.ts";
import type { ResponseCache } from "../../scheduler/cache/response_cache.ts";
import { InferenceServer } from "../inference_server.ts";
import { LoadTimes } from "../load_times.ts";
import { ineffective } from "../options/checks.ts";
import type { OptionKey, ServerOptions } from "../options/table.ts";
import { probe, startService } from "./endpoints.ts";
import { shutDown } from "./lifecycle.ts";
import { countModels, failureLine, reportModels, reportOptions, reportReady } from "./report.ts";
import { repositoryOptions } from "./repository_options.ts";
import { createResponseCache } from "./response_cache.ts";
import { runtimeWarning } from "./runtime_check.ts";
import { openService, portsOf, type Service } from "./services.ts";

/** Models failed to load, and the options say to exit then. */
export class LoadError extends Error {
  override readonly name = "LoadError";
  readonly status: Status = someModelsFailed();

  /** @param failures one line for each. @param summary how many. */
  constructor(readonly failures: readonly string[], readonly summary: string) {
    super("failed to load all models");
  }
}

/** What the models may take to be released after a failed start: nothing runs on them. */
const ABANDON_MS = 5000;

/** The server with everything around it: loads the models, opens the ports, and takes it all down again. */
export class ServerProcess {
  #repository: ModelRepository | undefined;
  #server: InferenceServer | undefined;
  #services: Service[] = [];
  #cache: ResponseCache | undefined;
  readonly #loadTimes = new LoadTimes();

  constructor(
    private readonly options: ServerOptions,
    private readonly given: ReadonlySet<OptionKey>,
    private readonly log: Logger,
  ) {}

  /**
   * Loads the models, then opens the ports, then says so.
   *
   * @throws LoadError, ServiceError, or the Status of a repository that cannot be read or a cache that cannot be used.
   */
  async start(): Promise<void> {
    const { options, log } = this;
    const warning = runtimeWarning(Deno.version.deno);
    if (warning) log.warning(warning);
    for (const sentence of ineffective(options)) log.warning(sentence);
    const ports = portsOf(options);
    for (const port of ports) probe(port);

    this.#cache = await createResponseCache(options, log);
    this.#repository = new ModelRepository(repositoryOptions(options, log, this.#cache));
    this.#repository.subscribe(this.#loadTimes.onEvent);
    await this.#repository.start();
    const index = this.#repository.index();
    const failed = this.#repository.failures();
    if (failed.length > 0 && options.exitOnError) {
      reportModels(log, index);
      throw new LoadError(failed.map(failureLine), `${countModels(failed)} of ${countModels(index)} failed`);
    }
    this.#server = new InferenceServer(this.#repository, options.id, options.strictReadiness);
    for (const port of ports) {
      const measures = { loadTimes: this.#loadTimes, cache: this.#cache?.statistics };
      const service = await startService(port, () => openService(port, this.#server!, options, measures, log));
      this.#services.push(service);
      log.info(`Started ${service.title} at ${service.address}`);
    }
    if (index.length === 0) log.warning(`There are no models in ${options.modelRepository.join(", ")}`);
    reportModels(log, index);
    reportOptions(log, options, this.given);
    reportReady(log, this.#services, index, failed, performance.now() / 1000);
  }

  /** Stops at a signal. @returns false if that took longer than the options allow. */
  stop(signal: string): Promise<boolean> {
    const timeoutMs = this.options.exitTimeoutSecs * 1000;
    const running = this.#repository!.readyModels().reduce((sum, { scheduler }) => sum + scheduler.inFlight, 0);
    const sequences = this.#repository!.readyModels().reduce(
      (sum, { scheduler }) => sum + (scheduler.sequences ?? 0),
      0,
    );
    const open = sequences === 0 ? "" : `, ${sequences} ${sequences === 1 ? "sequence is" : "sequences are"} open`;
    this.log.info(`${signal}: stopping, ${running} ${running === 1 ? "request runs" : "requests run"}${open}`);
    return shutDown(
      {
        refuse: () => {
          this.#server!.stop();
          this.#repository!.hurry();
        },
        drain: async () => {
          // their clients have to reach them
          await this.#repository!.finishSequences(timeoutMs);
          await Promise.all(this.#services.map((service) => service.stop(timeoutMs)));
        },
        release: async () => {
          const released = await this.#repository!.close(timeoutMs);
          await this.#cache?.close();
          return released;
        },
      },
      timeoutMs,
      this.log,
      systemClock,
    );
  }

  /** Takes down what a failed start has left, as far as it goes. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#services.map((service) => service.stop(0)));
    await this.#repository?.close(ABANDON_MS);
    await this.#cache?.close();
  }
}
