import {
  ensembleInputUnused,
  ensembleInputWritten,
  ensembleInstanceGroup,
  ensembleOptimization,
  ensembleOutputNotWritten,
  ensembleOutputUnused,
  ensembleTensorUnused,
  ensembleWarmup,
  schedulingWithoutPlatform,
  stepField,
  stepsMissing,
  tensorWrittenTwice,
} from "../../../core/errors/ensemble.ts";
import type { ModelConfig, ModelEnsembling } from "../../../proto/gen/model_config_pb.ts";
import { ENSEMBLE_PLATFORM } from "../defaults.ts";

/** A tensor of an ensemble: which tensors the step that writes it reads, and which are written from it. */
interface Node {
  readonly name: string;
  written: boolean;
  ready: boolean;
  readonly sources: Node[];
  readonly targets: Node[];
}

/** Checks the data flow of an ensemble as far as its own configuration tells; its models are checked when they are loaded. */
export function validateEnsemble(config: ModelConfig, ensemble: ModelEnsembling): void {
  if (config.platform !== ENSEMBLE_PLATFORM) throw schedulingWithoutPlatform(config.name);
  if (config.instanceGroup.length > 0) throw ensembleInstanceGroup(config.name);
  if (config.optimization) throw ensembleOptimization(config.name);
  if (config.modelWarmup.length > 0) throw ensembleWarmup(config.name);
  if (ensemble.step.length === 0) throw stepsMissing(config.name);

  const graph = buildGraph(config.name, ensemble, new Set(config.input.map(({ name }) => name)));
  for (const { name } of config.input) {
    const node = graph.get(name);
    if (!node) throw ensembleInputUnused(name, config.name);
    node.ready = true;
  }
  propagate(graph);
  const outputs = new Set<string>();
  for (const { name } of config.output) {
    const node = graph.get(name);
    if (!node) throw ensembleOutputUnused(name, config.name);
    if (!node.ready) throw ensembleOutputNotWritten(name, config.name, unreadySource(node));
    outputs.add(name);
  }
  for (const node of graph.values()) {
    if (!outputs.has(node.name) && (!node.ready || node.targets.length === 0)) {
      throw ensembleTensorUnused(node.name, config.name);
    }
  }
}

function buildGraph(name: string, ensemble: ModelEnsembling, inputs: ReadonlySet<string>): Map<string, Node> {
  const graph = new Map<string, Node>();
  const nodeOf = (tensor: string): Node => {
    let node = graph.get(tensor);
    if (!node) graph.set(tensor, node = { name: tensor, written: false, ready: false, sources: [], targets: [] });
    return node;
  };
  ensemble.step.forEach(({ modelName, inputMap, outputMap }, index) => {
    const reads = Object.values(inputMap);
    const writes = Object.values(outputMap);
    if (modelName === "") throw stepField("model_name", index, name);
    if (reads.length === 0) throw stepField("input_map", index, name);
    if (writes.length === 0) throw stepField("output_map", index, name);
    const targets = writes.map((tensor) => {
      const node = nodeOf(tensor);
      if (inputs.has(tensor)) throw ensembleInputWritten(tensor, name, index);
      if (node.written) throw tensorWrittenTwice(tensor, name, index);
      node.written = true;
      return node;
    });
    for (const source of reads.map(nodeOf)) {
      for (const target of targets) {
        target.sources.push(source);
        source.targets.push(target);
      }
    }
  });
  return graph;
}

/** Marks every tensor whose sources are all there. */
function propagate(graph: Map<string, Node>): void {
  const queue = [...graph.values()].filter((node) => node.ready);
  for (const { targets } of queue) {
    for (const target of targets) {
      if (target.ready || !target.sources.every((source) => source.ready)) continue;
      target.ready = true;
      queue.push(target);
    }
  }
}

/** The tensor at the beginning of the chain for which `node` waits; undefined where nothing comes before it. */
function unreadySource(node: Node): string | undefined {
  const seen = new Set<Node>();
  let last: Node | undefined;
  for (let next: Node | undefined = node; next;) {
    next = next.sources.find((source) => !source.ready && !seen.has(source));
    if (next) seen.add(last = next);
  }
  return last === node ? undefined : last?.name;
}
