import assert from "node:assert/strict";
import type { Execution, ModelInstance } from "../../backends/backend.ts";
import { systemClock } from "../../core/clock.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { UnaryResponse } from "../../core/responses.ts";
import { ModelStatistics } from "../../observability/statistics.ts";
import type { StepInput } from "../../scheduler/ensemble/description.ts";
import { normaliseConfig, readConfig } from "../config/mod.ts";
import { identityConfig, vector } from "../testing/repository_fixture.ts";
import { chainScheduler } from "./chain_scheduler.ts";

const INPUTS: readonly StepInput[] = [{ name: "IN", tensor: "x", dims: [-1] }];

/** An instance whose executions end when a test says so. */
class HeldInstance implements ModelInstance {
  readonly name = "chain_0_0";
  readonly group = "chain_0";
  readonly passive = false;
  readonly capacity = 1;
  readonly available = true;
  onAvailable = () => {};
  readonly executions: Execution[] = [];

  execute(execution: Execution): void {
    this.executions.push(execution);
  }

  /** Ends the last execution. */
  end(): void {
    const execution = this.executions[this.executions.length - 1];
    execution.requests.forEach((_, i) => {
      execution.respond(i, { modelName: "e", modelVersion: "1", id: "", outputs: [] });
    });
    execution.finish({ inputMs: 0, inferMs: 0, outputMs: 0 });
  }
}

function setUp(more: string, maxBatchSize: number, maxQueueSize?: number) {
  const config = readConfig("config.pbtxt", identityConfig(more));
  config.name = "first";
  normaliseConfig(config);
  const instance = new HeldInstance();
  const scheduler = chainScheduler(config, INPUTS, maxBatchSize, {
    instances: [instance],
    statistics: new ModelStatistics(),
    clock: systemClock,
    maxQueueSize,
  });
  const ask = (columns = 1, outputs: readonly string[] = ["y"]) => {
    const request = new InferenceRequest("first", "");
    request.inputs = [{ ...vector(...Array(columns).fill(0)), name: "x", shape: [1, columns] }];
    request.outputs = outputs;
    const sink = new UnaryResponse();
    scheduler.enqueue(request, sink);
    return sink.promise;
  };
  /** How many requests are in each execution, until nothing waits any more. */
  const batches = async (asked: Promise<unknown>[]) => {
    while (scheduler.inFlight > 0) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      instance.end();
    }
    await Promise.all(asked);
    return instance.executions.map(({ requests }) => requests.length);
  };
  return { config, ask, batches };
}

const DYNAMIC = "max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 2, 8 ] }";

Deno.test("chainScheduler() batches by the first model's settings, up to the smallest of the chain's batch sizes", async () => {
  const { config, ask, batches } = setUp(DYNAMIC, 4);
  // one goes at once, the others wait for it
  assert.deepEqual(await batches([ask(), ...Array.from({ length: 9 }, () => ask())]), [1, 2, 2, 2, 2, 1]);
  assert.deepEqual([config.maxBatchSize, config.input[0].name], [8, "IN"]);
});

Deno.test("chainScheduler() joins no requests of different shapes, nor such that ask for different outputs", async () => {
  const { ask, batches } = setUp("max_batch_size: 8 dynamic_batching {}", 8);
  const asked = [ask(), ask(2), ask(2), ask(3), ask(3, ["z"]), ask(3, ["z"])];
  assert.deepEqual(await batches(asked), [1, 2, 1, 2]);
});

Deno.test("chainScheduler() runs requests one by one where the first model does", async () => {
  const { ask, batches } = setUp("max_batch_size: 8", 8);
  assert.deepEqual(await batches([ask(), ask(), ask()]), [1, 1, 1]);
});

Deno.test("chainScheduler() refuses in the first model's name what does not fit into its queue", async () => {
  for (const more of ["max_batch_size: 8", "max_batch_size: 8 dynamic_batching {}"]) {
    const { ask, batches } = setUp(more, 8, 2);
    const settled = Promise.allSettled(Array.from({ length: 8 }, () => ask()));
    await batches([settled]);
    const refused = (await settled).filter((result) => result.status === "rejected");
    // one runs and two wait
    assert.equal(refused.length, 5);
    assert.match(refused[0].reason.message, /2 requests are waiting for model 'first'.*--max-queue-size/);
  }
});
