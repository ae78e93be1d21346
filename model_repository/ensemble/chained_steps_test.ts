import assert from "node:assert/strict";
import { LINK_TIMES } from "../../backends/onnxruntime/chain.ts";
import { ManualClock } from "../../core/clock.ts";
import { InferenceRequest, type ResponseSink, TimeSpent } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { Demands } from "../../scheduler/ensemble/demand.ts";
import type { EnsembleDescription } from "../../scheduler/ensemble/description.ts";
import { identityConfig, repositoryOf, vector, withFiles } from "../testing/repository_fixture.ts";
import type { ServedModel } from "../served_model.ts";
import { type ChainRequest, ChainRequests } from "./chain_request.ts";
import { ChainedSteps } from "./chained_steps.ts";
import { FailedShapes } from "./failed_shapes.ts";
import type { GpuChain } from "./gpu_chain.ts";

const STEP = { modelVersion: "", batching: false, decoupled: false };
const PART: EnsembleDescription = {
  name: "e",
  batching: false,
  decoupled: false,
  inputs: ["x"],
  outputs: [{ name: "y", dims: [] }],
  steps: [
    {
      ...STEP,
      modelName: "a",
      inputs: [{ name: "IN", tensor: "x", dims: [-1] }],
      outputs: [{ name: "OUT", tensor: "t" }],
    },
    {
      ...STEP,
      modelName: "b",
      inputs: [{ name: "IN", tensor: "t", dims: [-1] }],
      outputs: [{ name: "OUT", tensor: "y" }],
    },
  ],
  maxInflightRequests: 0,
};

/** What a worker with the chain would say: a value that its steps would not. */
const FROM_CHAIN: readonly Tensor[] = [{ ...vector(42), name: "y" }];

class FakeChain {
  readonly part = PART;
  readonly demands = new Demands(PART);
  readonly failedShapes = new FailedShapes(new ManualClock());
  usable = true;
  readonly asked: InferenceRequest[] = [];
  /** Why an execution fails. */
  failure: Status | undefined;
  /** Why a request is not even executed. */
  refusal: Status | undefined;
  readonly scheduler = {
    inFlight: 0,
    pending: 0,
    stop() {},
    enqueue: (request: InferenceRequest, sink: ResponseSink) => {
      this.asked.push(request);
      (request as ChainRequest).failed = this.failure !== undefined;
      const error = this.refusal ?? this.failure;
      if (!error) sink.respond({ modelName: "e", modelVersion: "1", id: request.id, outputs: FROM_CHAIN });
      sink.finish(error);
    },
  };

  readonly requests: ChainRequests;

  constructor(readonly models: ServedModel[]) {
    this.requests = new ChainRequests(PART, models[0], 0, false);
  }
}

interface Run {
  readonly chain: FakeChain;
  readonly models: readonly ServedModel[];
  /** The value of `y` for one of `x`. */
  ask(x: Tensor, chained?: readonly ServedModel[]): Promise<number[]>;
  readonly spent: TimeSpent;
}

async function withSteps(test: (run: Run) => Promise<void>): Promise<void> {
  const files = Object.fromEntries(["a", "b"].flatMap((name) => [
    [`${name}/config.pbtxt`, identityConfig()],
    [`${name}/1/`, ""],
  ]));
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const models = ["a", "b"].map((name) => repository.find(name, "") as ServedModel);
    const chain = new FakeChain([...models]);
    const spent = new TimeSpent();
    const ask = async (x: Tensor, now: readonly ServedModel[] = models) => {
      const request = new InferenceRequest("chain_0/", "");
      request.id = "r";
      request.inputs = [{ ...x, name: "x" }];
      request.outputs = ["y"];
      request.spent = spent;
      const sink = new UnaryResponse();
      new ChainedSteps(chain as unknown as GpuChain, now).inferHeld(request, sink);
      const { outputs } = await sink.promise;
      assert.deepEqual(outputs.map(({ name }) => name), ["y"]);
      return [...new Float32Array(outputs[0].data.slice().buffer)];
    };
    await test({ chain, models, ask, spent });
    await repository.close(1000);
  });
}

Deno.test("ChainedSteps asks the chain for what is read outside", async () => {
  await withSteps(async ({ chain, models: [a, b], ask, spent }) => {
    assert.deepEqual(await ask(vector(7)), [42]);
    const [request] = chain.asked;
    assert.deepEqual(request.inputs, [{ ...vector(7), name: "x" }]);
    assert.deepEqual(request.outputs, ["y", LINK_TIMES]);
    assert.deepEqual([request.id, request.modelName, request.spent], ["r", "a", spent]);
    // its instances count what ran
    assert.deepEqual([a.statistics.success.count, b.statistics.success.count], [0, 0]);
  });
});

Deno.test("ChainedSteps runs the steps one by one where the chain fails", async () => {
  await withSteps(async ({ chain, models: [a, b], ask }) => {
    chain.failure = new Status("INTERNAL", "no memory");
    assert.deepEqual(await ask(vector(7)), [7]);
    assert.deepEqual([a.statistics.success.count, b.statistics.success.count], [1, 1]);
  });
});

Deno.test("ChainedSteps leaves a shape to the steps with which they and the chain have failed", async () => {
  await withSteps(async ({ chain, models: [, b], ask }) => {
    chain.failure = new Status("INTERNAL", "bad shape");
    assert.deepEqual(await ask(vector(7)), [7]);
    assert.equal(chain.asked.length, 1, "the steps took it");
    const refusing = {
      ...b,
      hold() {},
      letGo() {},
      inferHeld: (_: InferenceRequest, sink: ResponseSink) => sink.finish(chain.failure),
    };
    chain.models.splice(1, 1, refusing as unknown as ServedModel);
    for (let i = 0; i < 3; i++) await assert.rejects(ask(vector(7), chain.models), { message: "bad shape" });
    assert.equal(chain.asked.length, 2);
    await assert.rejects(ask(vector(7, 8), chain.models), { message: "bad shape" });
    assert.equal(chain.asked.length, 3);
  });
});

Deno.test("ChainedSteps passes a refusal of the chain's queue on", async () => {
  await withSteps(async ({ chain, ask, models: [a] }) => {
    chain.refusal = new Status("UNAVAILABLE", "full");
    await assert.rejects(ask(vector(7)), { code: "UNAVAILABLE", message: "full" });
    assert.equal(a.statistics.success.count, 0);
  });
});

Deno.test("ChainedSteps runs the steps one by one for a request that the chain cannot take", async () => {
  await withSteps(async ({ chain, ask }) => {
    chain.requests.from = () => undefined;
    assert.deepEqual(await ask(vector(7)), [7]);
    assert.deepEqual(chain.asked, []);
  });
});

Deno.test("ChainedSteps runs the steps one by one while the chain is not usable, or has loaded other versions", async () => {
  await withSteps(async ({ chain, models: [a], ask }) => {
    assert.deepEqual(await ask(vector(7), [a, a]), [7]);
    chain.usable = false;
    assert.deepEqual(await ask(vector(8)), [8]);
    assert.deepEqual(chain.asked, []);
  });
});

Deno.test("ChainedSteps refuses what its first model refuses, in the model's words", async () => {
  await withSteps(async ({ chain, ask }) => {
    await assert.rejects(ask({ ...vector(7), datatype: "INT32" }), {
      message: "[request id: r] inference input 'IN' data-type is 'INT32', but model 'a' expects 'FP32'",
    });
    assert.deepEqual(chain.asked, []);
  });
});

Deno.test("ChainedSteps gives a cancelled request up", async () => {
  await withSteps(async ({ chain, ask, models: [a] }) => {
    chain.refusal = new Status("CANCELLED", "gone");
    await assert.rejects(ask(vector(7)), { message: "gone" });
    assert.equal(a.statistics.success.count, 0);
  });
});
