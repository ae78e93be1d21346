import type { EnsembleDescription, StepDescription } from "../../scheduler/ensemble/description.ts";
import { type ChainCandidate, obstacleOf, obstacleToJoining } from "./chain_obstacles.ts";

/** What {@link findChains} has found. */
export interface FoundChains {
  /** Numbers of the steps of each chain, in the order in which they run. */
  readonly chains: readonly (readonly number[])[];
  /** What steps on the GPU hand to each other by way of the CPU all the same, and why: a line each. */
  readonly gaps: readonly string[];
}

/**
 * The steps that can run one after the other in one GPU worker: each but the first reads what the steps before it in its
 * chain have written, and beside it at most inputs of the ensemble. A step is in one chain at most, and no chain has only one.
 */
export function findChains(ensemble: EnsembleDescription, models: readonly ChainCandidate[]): FoundChains {
  const { steps } = ensemble;
  const obstacles = steps.map((step, index) => obstacleOf(models[index], step));
  const left = new Set(inOrder(steps).filter((index) => obstacles[index] === undefined));
  const groups: number[][] = [];
  for (const first of [...left]) {
    if (!left.delete(first)) continue;
    const chain = [first];
    for (;;) {
      const found = [...left].find((index) => obstacleToJoining(index, chain, ensemble, models) === undefined);
      if (found === undefined) break;
      left.delete(found);
      chain.push(found);
    }
    groups.push(chain);
  }
  const gaps = new Set<string>();
  for (const [writer, reader] of handovers(steps)) {
    if (!runsOnGpu(models[writer]) || !runsOnGpu(models[reader])) continue;
    const group = groups.find((chain) => chain.includes(writer));
    if (group?.includes(reader)) continue;
    const why = obstacles[writer] ?? obstacles[reader] ?? obstacleToJoining(reader, group!, ensemble, models);
    const [from, to] = [steps[writer].modelName, steps[reader].modelName];
    gaps.add(`what '${from}' hands to '${to}' goes by way of the CPU, since ${why ?? "they are in different chains"}`);
  }
  return { chains: groups.filter((chain) => chain.length > 1), gaps: [...gaps] };
}

/** Which step reads what which other one has written. */
function handovers(steps: readonly StepDescription[]): [writer: number, reader: number][] {
  const writers = writersOf(steps);
  return steps.flatMap(({ inputs }, reader) =>
    inputs.flatMap(({ tensor }): [number, number][] => {
      const writer = writers.get(tensor);
      return writer === undefined ? [] : [[writer, reader]];
    })
  );
}

/** Numbers of the steps, each after those whose tensors it reads. */
function inOrder(steps: readonly StepDescription[]): number[] {
  const writers = writersOf(steps);
  const order = new Set<number>();
  const visit = (index: number) => {
    for (const { tensor } of steps[index].inputs) {
      const writer = writers.get(tensor);
      if (writer !== undefined && !order.has(writer)) visit(writer);
    }
    order.add(index);
  };
  for (const index of steps.keys()) if (!order.has(index)) visit(index);
  return [...order];
}

function writersOf(steps: readonly StepDescription[]): ReadonlyMap<string, number> {
  return new Map(steps.flatMap(({ outputs }, index) => outputs.map(({ tensor }) => [tensor, index])));
}

/** As people are told where it runs. */
function runsOnGpu({ loaded }: ChainCandidate): boolean {
  return loaded.device.includes("GPU");
}
