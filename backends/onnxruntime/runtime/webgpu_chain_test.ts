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

/** What is unusual in a test's chain. */
interface Unusual {
  readonly graphs?: readonly GraphDefinition[];
  readonly batching?: boolean;
}

/** Runs `test` with a chain of these links, over {@link GRAPHS} unless there are others. */
async function withChain(
  links: readonly ChainLink[],
  test: (chain: RemoteChain) => Promise<void>,
  { graphs = GRAPHS, batching = false }: Unusual = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "chain-test-" });
  try {
    const models: OrtLoadOptions[] = [];
    for (const [i, definition] of graphs.entries()) {
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
        inputs: [{ name: "x", datatype: "FP32", scalar: definition.inputs[0].shape?.length === 0 }],
        outputs: [{ name: "z", datatype: "FP32", scalar: definition.outputs[0].shape?.length === 0 }],
      });
    }
    await using chain = new RemoteChain();
    const { error } = await chain.load({ models, links, batching });
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
      assert.deepEqual([times.name, times.datatype, times.shape], [LINK_TIMES, "FP64", [1, 4]]);
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

/** Doubles the rows of a matrix, one by one. */
const ROWS: GraphDefinition = {
  inputs: [{ name: "x", shape: ["n", 2] }],
  outputs: [{ name: "z", shape: ["n", 2] }],
  nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["z"] }],
};

/** Puts the rows of a matrix twice, one below the other. */
const TWICE_THE_ROWS: GraphDefinition = {
  ...ROWS,
  outputs: [{ name: "z", shape: ["m", 2] }],
  nodes: [{ op: "Concat", inputs: ["x", "x"], outputs: ["z"], integers: { axis: 0 } }],
};

const batched = (model: number, from: string, to: string): ChainLink => ({
  ...link(model, from, to, [-1, 2]),
  maxBatchSize: 4,
});

Deno.test({
  ...needing("OrtChainModel reads a batch of many rows back once, and says of each row what its links took", absent),
  async fn() {
    await withChain([batched(0, "in", "a"), batched(0, "a", "out")], async (chain) => {
      const input = tensor("in", "FP32", [4, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      const { error, result: [times, out], reads } = await chain.run([input], LINK_TIMES, "out");
      assert.equal(error, undefined);
      assert.deepEqual([out.shape, floats(out)], [[4, 2], [4, 8, 12, 16, 20, 24, 28, 32]]);
      assert.deepEqual(times.shape, [4, 4]);
      const numbers = [...new Float64Array(times.data.buffer)];
      assert.deepEqual([numbers[0], numbers[2]], [4, 4]);
      assert.deepEqual(numbers, [0, 1, 2, 3].flatMap(() => numbers.slice(0, 4)));
      assert.deepEqual(reads, { reads: [32], maps: 1 });
    }, { graphs: [ROWS], batching: true });
  },
});

Deno.test({
  ...needing(
    "OrtChainModel refuses a batch whose rows change on the way, and takes a single request of that kind",
    absent,
  ),
  async fn() {
    const links = [batched(0, "in", "a"), batched(1, "a", "out")];
    const graphs = [TWICE_THE_ROWS, ROWS];
    const input = tensor("in", "FP32", [1, 2], Float32Array.of(1, 2));
    await withChain(links, async (chain) => {
      assert.equal(
        (await chain.run([input], "out")).error!.message,
        "input 'x' of model 'model_1' gets the shape [2,2] within a chain of models on the GPU, but expects [1,2]",
      );
    }, { graphs, batching: true });
    await withChain(links, async (chain) => {
      assert.deepEqual(floats((await chain.run([input], "out")).result[0]), [2, 4, 2, 4]);
    }, { graphs });
  },
});

Deno.test({
  ...needing("OrtChainModel reshapes what it keeps on the GPU as the configurations say", absent),
  async fn() {
    const links: ChainLink[] = [
      {
        ...batched(0, "in", "a"),
        // the model gives [n, 2] and shows [n, 2, 1]
        outputs: [{ name: "z", tensor: "a", reshape: { from: [-1, 2], to: [-1, 2, 1] } }],
      },
      {
        model: 0,
        inputs: [{ name: "x", tensor: "a", dims: [-1, 2, 1], reshape: [-1, 2] }],
        outputs: [{ name: "z", tensor: "b", reshape: { from: [-1, 2], to: [2, -1] } }],
        maxBatchSize: 4,
      },
    ];
    await withChain(links, async (chain) => {
      const input = tensor("in", "FP32", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
      const { error, result: [a, b], reads } = await chain.run([input], "a", "b");
      assert.equal(error, undefined);
      assert.deepEqual([a.shape, floats(a)], [[3, 2, 1], [2, 4, 6, 8, 10, 12]]);
      assert.deepEqual([b.shape, floats(b)], [[2, 3], [4, 8, 12, 16, 20, 24]]);
      assert.equal(reads.maps, 2);
    }, { graphs: [ROWS] });
  },
});

Deno.test({
  ...needing("OrtChainModel hands scalars on as the graphs have them, and shows them as one value", absent),
  async fn() {
    const scalar: GraphDefinition = {
      ...graph("Mul", [10]),
      inputs: [{ name: "x", shape: [] }],
      outputs: [{ name: "z", shape: [] }],
    };
    const links = [link(0, "in", "a", [1]), link(0, "a", "b", [1]), link(1, "b", "out", [1])];
    await withChain(links, async (chain) => {
      const { error, result } = await chain.run([vector(7)], "b", "out");
      assert.equal(error, undefined);
      assert.deepEqual(result.map((tensor) => [tensor.shape, floats(tensor)]), [[[1], [700]], [[1], [701]]]);
    }, { graphs: [scalar, graph("Add", [1])] });
  },
});
