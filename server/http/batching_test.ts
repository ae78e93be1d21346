import { deepEqual, equal, match } from "node:assert/strict";
import { simpleModel } from "../testing/fake_repository.ts";
import { call, testApp } from "./testing.ts";

Deno.test("createHttpApp() shows the batches of a model and says what they mean", async () => {
  const model = simpleModel();
  model.config.schedulingChoice = {
    case: "dynamicBatching",
    value: { preferredBatchSize: [4], maxQueueDelayMicroseconds: 500n },
  } as typeof model.config.schedulingChoice;
  for (const size of [4, 1, 4]) model.statistics.executed(size, { inputMs: 0, inferMs: 0, outputMs: 0 });
  for (const reason of ["preferred", "preferred", "delay"] as const) model.statistics.batchClosed(reason);
  const app = testApp([model]);
  for (const path of ["/v2/models/simple/batching", "/v2/models/simple/versions/1/batching"]) {
    const { status, json } = await call(app, "GET", path);
    equal(status, 200);
    deepEqual(json.batch_sizes, [{ size: 1, executions: 1 }, { size: 4, executions: 2 }]);
    deepEqual([json.closed.preferred, json.closed.delay, json.closed.full], [2, 1, 0]);
    deepEqual([json.scheduler, json.max_queue_delay_microseconds, json.execution_count], ["dynamic", 500, 3]);
    match(json.explanation.join("\n"), /3\.0 rows on average.*\n67 % .* \(4\)/);
  }
});

Deno.test("createHttpApp() says of a model without batching why its requests run alone", async () => {
  const { json } = await call(testApp(), "GET", "/v2/models/simple/batching");
  equal(json.scheduler, "default");
  match(json.explanation[0], /no dynamic_batching/);
});

Deno.test("createHttpApp() knows no batches of a model that it does not have", async () => {
  const { status, json } = await call(testApp(), "GET", "/v2/models/nope/batching");
  equal(status, 404);
  match(json.error, /unknown model: 'nope'/);
});

Deno.test("createHttpApp() names the sizes to which batches are padded, where the backend pads", async () => {
  const model = simpleModel();
  model.config.maxBatchSize = 4;
  model.config.parameters.allowed_batch_sizes = { stringValue: "2,4" } as typeof model.config.parameters[string];
  for (const [backend, allowed] of [["onnxruntime", [2, 4]], ["identity", undefined]] as const) {
    model.config.backend = backend;
    const { json } = await call(testApp([model]), "GET", "/v2/models/simple/batching");
    deepEqual(json.allowed_batch_sizes, allowed);
  }
});
