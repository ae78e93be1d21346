import { clone, create } from "@bufbuild/protobuf";
import { ModelStatistics } from "../../observability/statistics.ts";
import { type ModelConfig, ModelConfigSchema, ModelTransactionPolicySchema } from "../../proto/gen/model_config_pb.ts";
import { EnsembleScheduler } from "../../scheduler/ensemble/ensemble_scheduler.ts";
import { validateAtLoad } from "../config/mod.ts";
import { readLabels } from "../labels.ts";
import type { LoadOptions } from "../load.ts";
import type { PolledModel } from "../polled_model.ts";
import { epochOf, withCache } from "../response_cache.ts";
import { ServedModel } from "../served_model.ts";
import { describeEnsemble, stepsOf, versionOf } from "./describe.ts";
import { withChains } from "./with_chains.ts";

/** Finds the READY version of a model. @param version undefined for the preferred one. @throws Status without one. */
export type FindServedModel = (name: string, version: number | undefined) => ServedModel;

/**
 * Puts one version of an ensemble together from the models that serve at this moment; its requests find theirs anew.
 *
 * @throws Status where its configuration is wrong, or does not fit the models.
 */
export async function serveEnsemble(
  polled: PolledModel,
  version: number,
  find: FindServedModel,
  { clock, cache, log, maxQueueSize }: Pick<LoadOptions, "clock" | "cache" | "log" | "maxQueueSize">,
): Promise<ServedModel> {
  const config = clone(ModelConfigSchema, polled.config);
  validateAtLoad(config);
  const labels = new Map(await readLabels(config, polled.directory));
  const models = stepsOf(config).map((step) => find(step.modelName, versionOf(step)));
  const description = describeEnsemble(config, models.map((model) => model.config));
  config.modelTransactionPolicy = create(ModelTransactionPolicySchema, { decoupled: description.decoupled });
  description.steps.forEach(({ outputs }, index) => {
    for (const { name, tensor } of outputs) {
      const own = models[index].labels(name);
      if (!labels.has(tensor) && own.length > 0) labels.set(tensor, own);
    }
  });
  const own = await epochOf(config, polled, version, cache);
  const statistics = new ModelStatistics();
  const modelVersion = String(version);
  const { unload, ...runnable } = await withChains({
    config,
    description,
    models,
    modelVersion,
    find,
    log,
    clock,
    maxQueueSize,
  });
  const inner = new EnsembleScheduler({ ...runnable, modelVersion, statistics, clock, maxQueueSize });
  const epoch = () => epochWithSteps(own, config, find);
  const scheduler = withCache(config, version, inner, { cache, epoch, statistics, clock, log, maxQueueSize });
  const loaded = { instances: [], device: devicesOf(models), note: "", unload };
  return new ServedModel({ config, version, loaded, scheduler, statistics, labels, epoch });
}

/** The epochs of an ensemble and of the models that it would run now; undefined where one is missing. */
function epochWithSteps(own: string, config: ModelConfig, find: FindServedModel): string | undefined {
  let epoch = own;
  try {
    for (const step of stepsOf(config)) {
      const { version, epoch: epochOfStep } = find(step.modelName, versionOf(step));
      const part = epochOfStep();
      if (part === undefined) return undefined;
      epoch += ` ${version}(${part})`;
    }
  } catch {
    return undefined;
  }
  return epoch;
}

/** An ensemble runs where its models do. */
function devicesOf(models: readonly ServedModel[]): string {
  return [...new Set(models.map(({ loaded }) => loaded.device))].filter((device) => device !== "").join(" and ");
}
