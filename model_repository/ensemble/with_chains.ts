import type { Clock } from "../../core/clock.ts";
import { Status } from "../../core/status.ts";
import type { Log } from "../../observability/log.ts";
import type { EnsembleDescription } from "../../scheduler/ensemble/description.ts";
import type { FindStepModel } from "../../scheduler/ensemble/step_model.ts";
import type { ServedModel } from "../served_model.ts";
import { ChainedSteps } from "./chained_steps.ts";
import { findChains } from "./find_chains.ts";
import { GpuChain, stepOfChain } from "./gpu_chain.ts";
import type { FindServedModel } from "./served_ensemble.ts";

/** What the scheduler of an ensemble runs. */
export interface RunnableEnsemble {
  readonly description: EnsembleDescription;
  readonly find: FindStepModel;
  /** Ends the workers of its chains. */
  unload(): Promise<void>;
}

/**
 * The ensemble with those of its steps that follow each other on the GPU as one step each, whose tensors stay there.
 *
 * @param models that serve now, step by step. @param find finds them for a request.
 */
export async function withChains(
  description: EnsembleDescription,
  modelVersion: string,
  models: readonly ServedModel[],
  find: FindServedModel,
  log: Log,
  clock: Clock,
): Promise<RunnableEnsemble> {
  const chains = new Map<string, GpuChain>();
  const byStep = new Map<number, string>();
  for (const steps of findChains(description, models)) {
    const name = `chain_${chains.size}`;
    try {
      chains.set(name, await GpuChain.start(description, modelVersion, name, steps, models, log, clock));
      for (const step of steps) byStep.set(step, name);
      const names = new Set(steps.map((step) => description.steps[step].modelName));
      log.info(`${description.name}: what ${[...names].join(", ")} hand to each other stays on the GPU`);
    } catch (thrown) {
      const { message } = Status.from(thrown);
      log.warning(`${description.name}: its steps run one by one, since they do not load into one worker: ${message}`);
    }
  }
  const findVersion: FindStepModel = (name, version) => find(name, version === "" ? undefined : Number(version));
  const steps = description.steps.filter((_, index) => !byStep.has(index));
  // No model has such a name: it would be that of a directory.
  for (const [name, chain] of chains) steps.push(stepOfChain(chain, `${name}/`));
  return {
    description: chains.size === 0 ? description : { ...description, steps },
    find(name, version) {
      const chain = name.endsWith("/") ? chains.get(name.slice(0, -1)) : undefined;
      if (!chain) return findVersion(name, version);
      const models = chain.part.steps.map((step) =>
        find(step.modelName, step.modelVersion === "" ? undefined : Number(step.modelVersion))
      );
      return new ChainedSteps(chain, models);
    },
    async unload() {
      await Promise.all(chains.values().map((chain) => chain.stop()));
    },
  };
}
