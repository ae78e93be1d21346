import type { Execution, ExecutionTiming, LoadedModel, ModelInstance } from "../backends/backend.ts";
import { warmupSamples } from "../backends/warmup_samples.ts";
import { warmupBatchTooLarge, warmupFailed } from "../core/errors/repository.ts";
import type { InferenceRequest } from "../core/inference.ts";
import type { Status } from "../core/status.ts";
import type { ModelConfig } from "../proto/gen/model_config_pb.ts";
import { ControlTensors } from "../scheduler/sequence/controls.ts";
import { RequestNormalizer } from "./normalize.ts";

/**
 * Runs the warmup samples of a configuration on every instance, so that what is slow the first time (shader compilation,
 * memory, code) is over before a request comes. Nothing of it is counted in the statistics.
 *
 * @throws Status INVALID_ARGUMENT where a sample does not fit the model or does not run.
 */
export async function warmUp(config: ModelConfig, modelDirectory: string, loaded: LoadedModel): Promise<void> {
  if (config.modelWarmup.length === 0) return;
  const normalizer = new RequestNormalizer(config);
  const controls = controlsOf(config);
  for (const { name, count, requests, overrides } of await warmupSamples(config, modelDirectory)) {
    for (const request of requests) {
      normalizer.normalize(request);
      request.inputs.push(...overrides);
      addControls(request, controls);
    }
    const runs = loaded.instances.map((instance) => runSample(config, name, count, requests, instance));
    // All of them end before the first failure is reported: the model is unloaded then, and nothing may still run.
    const results = await Promise.allSettled(runs);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }
}

function controlsOf(config: ModelConfig): ControlTensors | undefined {
  if (config.schedulingChoice.case !== "sequenceBatching") return undefined;
  return new ControlTensors(config.schedulingChoice.value, config.maxBatchSize);
}

/** Makes a request of a sequence model a sequence of its own; controls that the sample brings itself stay. */
function addControls(request: InferenceRequest, controls: ControlTensors | undefined): void {
  if (!controls) return;
  for (const tensor of controls.all({ start: true, end: true, ready: true }, request.correlationId)) {
    if (!request.inputs.some(({ name }) => name === tensor.name)) request.inputs.push(tensor);
  }
}

async function runSample(
  config: ModelConfig,
  sample: string,
  count: number,
  requests: readonly InferenceRequest[],
  instance: ModelInstance,
): Promise<void> {
  const { maxBatchSize } = config;
  if (maxBatchSize > 0 && requests.length > maxBatchSize) {
    const failure = warmupBatchTooLarge(instance.name, requests.length, maxBatchSize).message;
    throw warmupFailed(sample, requests.map(() => failure));
  }
  // A model that does not batch gets the requests of a sample one by one.
  const executions = maxBatchSize > 0 ? [requests] : requests.map((request) => [request]);
  for (let run = 0; run < count; run++) {
    for (const execution of executions) {
      const failures = await new Promise<string[]>((resolve) => {
        instance.execute(new WarmupExecution(execution, resolve));
      });
      if (failures.length > 0) throw warmupFailed(sample, failures);
    }
  }
}

/** An execution whose responses nobody reads. */
class WarmupExecution implements Execution {
  readonly #errors: (Status | undefined)[];

  /** @param done is told the texts of the requests that failed. */
  constructor(readonly requests: readonly InferenceRequest[], private readonly done: (failures: string[]) => void) {
    this.#errors = requests.map(() => undefined);
  }

  respond(): void {}

  fail(index: number, error: Status): void {
    this.#errors[index] ??= error;
  }

  finish(_timing: ExecutionTiming, error?: Status): void {
    const failures: string[] = [];
    for (const own of this.#errors) {
      const failed = own ?? error;
      if (failed) failures.push(failed.message);
    }
    this.done(failures);
  }
}
