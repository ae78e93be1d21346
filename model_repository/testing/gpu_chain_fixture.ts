/** Ensembles of small models on the GPU, for tests of chains. */
import assert from "node:assert/strict";
import { type GraphDefinition, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { onnxruntimeBackend } from "../../backends/onnxruntime/mod.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { ModelRepository, RepositoryOptions } from "../repository.ts";
import { ensembleConfig } from "./ensemble_fixture.ts";
import { type Files, identityConfig, type MemoryLog, repositoryOf, vector, withFiles } from "./repository_fixture.ts";

/** Adds a constant to a vector of any length. */
export function adding(...constant: number[]): GraphDefinition {
  return {
    inputs: [{ name: "IN", shape: ["n"] }],
    outputs: [{ name: "OUT", shape: ["n"] }],
    constants: [{ name: "c", dims: [constant.length], values: Float32Array.from(constant) }],
    nodes: [{ op: "Add", inputs: ["IN", "c"], outputs: ["OUT"] }],
  };
}

/** The same for the rows of a batch: a model that is completed with a batch of 4 and dynamic batching. */
export function addingToRows(...constant: number[]): GraphDefinition {
  const shape = ["rows", "n"];
  return { ...adding(...constant), inputs: [{ name: "IN", shape }], outputs: [{ name: "OUT", shape }] };
}

/** A configuration for {@link adding}. */
export const GPU = identityConfig("instance_group [ { kind: KIND_GPU } ]").replace("identity", "onnxruntime");
/** A configuration that says nothing of its tensors. */
export const COMPLETED = 'backend: "onnxruntime" instance_group [ { kind: KIND_GPU } ]';

/** Files of an ensemble `e` of two models that come one after the other. */
export function pipeline(config: string, one: GraphDefinition, four: GraphDefinition, more = ""): Files {
  return {
    "one/config.pbtxt": config,
    "one/1/model.onnx": onnxModel(one),
    "four/config.pbtxt": config,
    "four/1/model.onnx": onnxModel(four),
    "e/config.pbtxt": ensembleConfig(["one IN=IN OUT=mid", "four IN=mid OUT=OUT"], more),
    "e/1/": "",
  };
}

/** A pipeline whose models are completed, with dynamic batching. */
export const BATCHED = pipeline(COMPLETED, addingToRows(1), addingToRows(10, 20, 30, 40), "max_batch_size: 4");
/** What the log says of {@link pipeline} where it is a chain. */
export const STAYS = "I e: what one, four hand to each other stays on the GPU";

/** Runs `test` with a repository of ONNX models on the GPU, all of which have to load. */
export async function withRepository(
  files: Files,
  test: (repository: ModelRepository, log: MemoryLog, root: string) => Promise<void>,
  options: Partial<RepositoryOptions> = {},
): Promise<void> {
  await withFiles(files, async (root) => {
    const { repository, log } = repositoryOf(root, {
      backend: onnxruntimeBackend,
      adapterAvailable: () => Promise.resolve(true),
      ...options,
    });
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    await test(repository, log, root);
    assert.equal(await repository.close(20_000), true);
  });
  // A worker's end takes the graphics driver's threads with it; a process that ends meanwhile may crash.
  await new Promise((resolve) => setTimeout(resolve, 150));
}

/** One row of a batch. */
export const row = (...values: number[]): Tensor => ({ ...vector(...values), shape: [1, values.length] });

/** The values of an FP32 tensor. */
export const floats = ({ data }: Tensor) => [...new Float32Array(data.slice().buffer)];
