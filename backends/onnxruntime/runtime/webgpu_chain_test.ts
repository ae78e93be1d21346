import assert from "node:assert/strict";
import { needing, WEBGPU_ABSENT } from "../../../tests/support/needing.ts";
import { probeGpu } from "../../gpu.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";
import { type GraphDefinition, onnxModel } from "../graph_fixture.ts";
import { type ChainLink, LINK_TIMES, type OrtChainOptions } from "./chain_options.ts";
import type { OrtLoadOptions } from "./options.ts";
import { tensor } from "./testing/remote_model.ts";

const absent = await probeGpu() ? undefined : WEBGPU_ABSENT;

interface Outcome<Result> {
  readonly error: { readonly name: string; readonly message: string } | undefined;
  readonly result: Result;
  /** Bytes of each copy from the GPU, and how often a buffer was mapped for reading. */
  readonly reads: { readonly reads: number[]; readonly maps: number };
}

/** A chain in a worker of its own. */
class RemoteChain implements AsyncDisposable {
  readonly #worker = new Worker(new URL("./testing/chain_worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, (outcome: Outcome<never>) => void>();
  #calls = 0;

  constructor() {
    this.#worker.onmessage = ({ data: [id, error, result, reads] }) => {
      this.#waiting.get(id)!({ error, result, reads } as Outcome<never>);
      this.#waiting.delete(id);
    };
  }

  load(options: OrtChainOptions): Promise<Outcome<unknown>> {
    return this.#call("load", [options]);
  }

  run(inputs: readonly WorkerTensor[], ...outputs: string[]): Promise<Outcome<WorkerTensor[]>> {
    return this.#call("run", [inputs, outputs]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call("release", []);
    this.#worker.terminate();
    // A worker's end takes the graphics driver's threads with it; a process that ends meanwhile may crash.
    await new Promise((resolve) => setTimeout(resolve, 150));
  }

  #call<Result>(method: string, args: unknown[]): Promise<Outcome<Result>> {
    const id = this.#calls++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker.postMessage([id, method, args]);
    });
  }
}

/** One operator on vectors of any length; `y` is its second input, a constant. */
function graph(op: string, y: readonly number[]): GraphDefinition {
  return {
    inputs: [{ name: "x", shape: ["n"] }],
    outputs: [{ name: "z", shape: ["n"] }],
    constants: [{ name: "y", dims: y.length === 1 ? [] : [y.length], values: Float32Array.from(y) }],
    nodes: [{ op, inputs: ["x", "y"], outputs: ["z"] }],
  };
}

const GRAPHS = [graph("Add", [1]), graph("Mul", [10]), graph("Add", [1, 2, 3, 4])];

function link(model: number, from: string, to: string, dims: readonly number[] = [-1]): ChainLink {
  return {
    model,
    inputs: [{ name: "x", tensor: from, dims }],
    outputs: [{ name: "z", tensor: to }],
    maxBatchSize: 0,
  };
}

/** Runs `test` with a chain of these links over {@link GRAPHS}. */
async function withChain(links: readonly ChainLink[], test: (chain: RemoteChain) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "chain-test-" });
  try {
    const models: OrtLoadOptions[] = [];
    for (const [i, definition] of GRAPHS.entries()) {
      const modelPath = `${folder}/${i}.onnx`;
      await Deno.writeFile(modelPath, onnxModel(definition));
      models.push({
        modelName: `model_${i}`,
        modelPath,
        runtime: "webgpu",
        intraOpThreads: 1,
        interOpThreads: 1,
        executionMode: "sequential",
        graphOptimization: "all",
        inputs: [{ name: "x", datatype: "FP32" }],
        outputs: [{ name: "z", datatype: "FP32" }],
      });
    }
    await using chain = new RemoteChain();
    const { error } = await chain.load({ models, links });
    assert.equal(error, undefined);
    await test(chain);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const vector = (...values: number[]) => tensor("in", "FP32", [values.length], Float32Array.from(values));
const floats = ({ data }: WorkerTensor) => [...new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)];

Deno.test({
  ...needing("OrtChainModel reads nothing back from the GPU but the outputs that are asked for", absent),
  async fn() {
    const links = [link(0, "in", "a"), link(1, "a", "b"), link(0, "b", "c"), link(1, "c", "out")];
    await withChain(links, async (chain) => {
      const input = vector(...Array(64).keys());
      const last = await chain.run([input], "out");
      assert.equal(last.error, undefined);
      assert.deepEqual(floats(last.result[0]), Array.from({ length: 64 }, (_, x) => ((x + 1) * 10 + 1) * 10));
      assert.deepEqual([last.result[0].name, last.result[0].datatype, last.result[0].shape], ["out", "FP32", [64]]);
      assert.deepEqual(last.reads, { reads: [256], maps: 1 });
      const two = await chain.run([input], "b", "out");
      assert.deepEqual(two.result.map(({ name }) => name), ["b", "out"]);
      assert.deepEqual(floats(two.result[0]).slice(0, 3), [10, 20, 30]);
      assert.deepEqual(two.reads, { reads: [256, 256], maps: 2 });
    });
  },
});

Deno.test({
  ...needing("OrtChainModel runs only the links that the outputs need, and says what each took", absent),
  async fn() {
    await withChain([link(0, "in", "a"), link(1, "a", "b"), link(2, "b", "out")], async (chain) => {
      const { result: [times, b] } = await chain.run([vector(1, 2)], LINK_TIMES, "b");
      assert.deepEqual([times.name, times.datatype, times.shape], [LINK_TIMES, "FP64", [2, 2]]);
      assert.deepEqual(floats(b), [20, 30]);
      // four numbers are what the last model takes
      assert.match((await chain.run([vector(1, 2)], "out")).error!.message, /model_2|onnx/i);
    });
  },
});

Deno.test({
  ...needing("OrtChainModel works again after a run that failed", absent),
  async fn() {
    await withChain([link(0, "in", "a"), link(2, "a", "out")], async (chain) => {
      for (let i = 0; i < 2; i++) {
        assert.ok((await chain.run([vector(1, 2, 3)], "out")).error);
        const right = await chain.run([vector(1, 2, 3, 4)], "out");
        assert.equal(right.error, undefined);
        assert.deepEqual(floats(right.result[0]), [3, 5, 7, 9]);
      }
    });
  },
});

Deno.test({
  ...needing("OrtChainModel keeps to the shapes that the models are configured for", absent),
  async fn() {
    await withChain([link(0, "in", "a"), link(1, "a", "out", [3])], async (chain) => {
      assert.equal(
        (await chain.run([vector(1, 2)], "out")).error!.message,
        "input 'x' of model 'model_1' gets the shape [2] within a chain of models on the GPU, but expects [3]",
      );
      assert.deepEqual(floats((await chain.run([vector(1, 2, 3)], "out")).result[0]), [20, 30, 40]);
    });
  },
});
