import type { Clock } from "../../core/clock.ts";
import { Status } from "../../core/status.ts";
import type { Log } from "../../observability/log.ts";
import type { EnsembleDescription } from "../../scheduler/ensemble/description.ts";
import type { FindStepModel } from "../../scheduler/ensemble/step_model.ts";
import { chainInputs, type ChainSurroundings } from "./chain_inputs.ts";
import { ChainedSteps } from "./chained_steps.ts";
import { checkChain } from "./check_chain.ts";
import { findChains } from "./find_chains.ts";
import { GpuChain, stepOfChain } from "./gpu_chain.ts";
import type { FindServedModel } from "./served_ensemble.ts";

/** What the scheduler of an ensemble runs. */
export interface RunnableEnsemble {
  readonly description: EnsembleDescription;
  readonly find: FindStepModel;
  /** Requests that wait in the queues of its chains. */
  waiting(): number;
  /** Has these run without waiting for more. */
  hurry(): void;
  /** Ends the workers of its chains. */
  unload(): Promise<void>;
}

/** What {@link withChains} works with. */
export interface ChainingParts extends ChainSurroundings {
  readonly modelVersion: string;
  /** Finds the models for a request. */
  readonly find: FindServedModel;
  readonly log: Log;
  readonly clock: Clock;
  readonly maxQueueSize?: number;
}

/** The ensemble with those of its steps that follow each other on the GPU as one step each, whose tensors stay there. */
export async function withChains(parts: ChainingParts): Promise<RunnableEnsemble> {
  const { description, models, find, log } = parts;
  const { chains: found, gaps } = findChains(description, models);
  const started = await Promise.all(found.map((steps, i) => startedChain(parts, `chain_${i}`, steps)));
  const chains = new Map<string, GpuChain>();
  const inChain = new Set<number>();
  started.forEach((chain, i) => {
    if (!chain) return;
    chains.set(`chain_${i}`, chain);
    for (const step of found[i]) inChain.add(step);
  });
  for (const gap of gaps) log.info(`${description.name}: ${gap}`);
  const findVersion: FindStepModel = (name, version) => find(name, version === "" ? undefined : Number(version));
  const steps = description.steps.filter((_, index) => !inChain.has(index));
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
    waiting: () => chains.values().reduce((sum, { scheduler }) => sum + scheduler.pending, 0),
    hurry() {
      for (const { scheduler } of chains.values()) scheduler.hurry?.();
    },
    async unload() {
      await Promise.all(chains.values().map((chain) => chain.stop()));
    },
  };
}

/** A chain that has proved to answer as its steps do; undefined, and the reason in the log, where it does not. */
async function startedChain(
  { modelVersion, log, clock, maxQueueSize, ...surroundings }: ChainingParts,
  name: string,
  steps: readonly number[],
): Promise<GpuChain | undefined> {
  const { description, models } = surroundings;
  const names = [...new Set(steps.map((step) => description.steps[step].modelName))].join(", ");
  let chain: GpuChain | undefined;
  let reason: string;
  try {
    chain = await GpuChain.start({
      ensemble: description,
      modelVersion,
      name,
      steps,
      models,
      log,
      clock,
      maxQueueSize,
    });
    reason = await checkChain(chain, chainInputs(chain, surroundings));
  } catch (thrown) {
    reason = `it does not load: ${Status.from(thrown).message}`;
  }
  if (reason === "") {
    log.info(`${description.name}: what ${names} hand to each other stays on the GPU`);
    return chain;
  }
  await chain?.stop();
  log.warning(`${description.name}: ${names} run one by one, since as one chain on the GPU ${reason}`);
}
