/** Models that are slow or have too much to do hold up nobody else, and say at once that they take no more. */
import assert from "node:assert/strict";
import { infer, int32, numbers } from "../support/infer.ts";
import { TestServer } from "../support/server.ts";

/** Longer than any test takes: an execution that ends because its clients go. */
const FOREVER_MS = 1_000_000;

const TENSORS = `input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
`;
const STUCK =
  `backend: "identity" ${TENSORS} parameters { key: "execute_delay_ms" value { string_value: "${FOREVER_MS}" } }\n`;

const MODELS: Readonly<Record<string, string>> = {
  fast: `backend: "identity" max_batch_size: 4 ${TENSORS} dynamic_batching { }`,
  stuck: STUCK,
  stuck_dynamic: `${STUCK} max_batch_size: 1 dynamic_batching { }`,
  stuck_policy: `${STUCK} max_batch_size: 1 dynamic_batching { default_queue_policy { max_queue_size: 1 } }`,
  stuck_sequence: `${STUCK} max_batch_size: 1 sequence_batching { }`,
  stuck_ensemble: `platform: "ensemble" max_batch_size: 1 ${TENSORS} ensemble_scheduling {
    max_inflight_requests: 1
    step [ {
      model_name: "stuck_dynamic"
      model_version: -1
      input_map { key: "IN" value: "IN" }
      output_map { key: "OUT" value: "OUT" }
    } ]
  }`,
};

async function start(args: readonly string[] = []) {
  const directory = await Deno.makeTempDir({ prefix: "overload-" });
  for (const [name, config] of Object.entries(MODELS)) {
    await Deno.mkdir(`${directory}/${name}/1`, { recursive: true });

    await Deno.writeTextFile(`${directory}/${name}/config.pbtxt`, config);
  }
  const server = await TestServer.start({ repositories: [directory], args });
  const clients: { abort: AbortController; answer: Promise<unknown> }[] = [];
  let sequence = 0;

  const ask = (model: string, abort: AbortController) => {
    const shape = model === "stuck" ? [1] : [1, 1];
    const parameters = model === "stuck_sequence"
      ? { sequence_id: ++sequence, sequence_start: true, sequence_end: true }
      : undefined;
    const inputs = [{ name: "IN", datatype: "INT32", shape, data: [1] }];
    const body = JSON.stringify({ id: "late", inputs, parameters });
    return fetch(`${server.http}/v2/models/${model}/infer`, { method: "POST", body, signal: abort.signal });
  };

  return {
    server,
    /** Sends requests that get no answer while the test runs, and waits until so many of them wait in a queue. */
    async fill(model: string, count: number, waiting: number) {
      for (let i = 0; i < count; i++) {
        const abort = new AbortController();
        clients.push({ abort, answer: ask(model, abort).then((answer) => answer.text(), () => {}) });
      }
      while (await pending(server, model) < waiting) await new Promise((resolve) => setTimeout(resolve, 10));
    },
    async refusal(model: string) {
      const answer = await ask(model, new AbortController());
      return { status: answer.status, error: (await answer.json()).error as string };
    },
    async [Symbol.asyncDispose]() {
      for (const { abort } of clients) abort.abort();
      await Promise.all(clients.map(({ answer }) => answer));
      await server.stop();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

async function pending({ metricsPort }: TestServer, model: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const line = text.split("\n").find((each) =>
    each.startsWith("nv_inference_pending_request_count") && each.includes(`model="${model}"`)
  );
  return Number(line?.split(" ").at(-1) ?? 0);
}

Deno.test("a model that hangs with a long queue slows no other model", async () => {
  await using running = await start();
  for (const model of ["stuck", "stuck_dynamic", "stuck_sequence"]) await running.fill(model, 200, 190);
  const answers = Array.from({ length: 100 }, (_, i) => {
    return infer(running.server.http, "fast", [int32("IN", [1, 1], [i])]);
  });
  const values = (await Promise.all(answers)).map((outputs) => numbers(outputs.get("OUT")!)[0]);
  assert.deepEqual(values, Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("a full queue refuses at once, whatever the scheduler, and says which limit was met", async (t) => {
  await using running = await start(["--max-queue-size=5"]);
  const OPTION = /5 requests are waiting for model '\w+', as many as the server's option --max-queue-size allows/;
  const POLICY = /1 requests are waiting for model '\w+', as many as 'max_queue_size' in the model's queue policy/;
  const cases: readonly [string, number, number, RegExp][] = [
    ["stuck", 6, 5, OPTION],
    ["stuck_sequence", 6, 5, OPTION],
    ["stuck_policy", 2, 1, POLICY],
    ["stuck_dynamic", 6, 5, OPTION],
  ];
  for (const [model, count, waiting, limit] of cases) {
    await t.step(model, async () => {
      await running.fill(model, count, waiting);
      const { status, error } = await running.refusal(model);
      assert.equal(status, 503);
      assert.match(error, /^\[request id: late\] Exceeds maximum queue size: /);
      assert.match(error, limit);
      assert.match(error, /Try again later/);
    });
  }
  await t.step("an ensemble hands on what its step says", async () => {
    const { status, error } = await running.refusal("stuck_ensemble");
    assert.equal(status, 503);
    assert.match(error, /stuck_ensemble.*Exceeds maximum queue size: 5 requests are waiting for model 'stuck_dynamic'/);
  });
  const outputs = await infer(running.server.http, "fast", [int32("IN", [1, 1], [7])]);
  assert.deepEqual([...numbers(outputs.get("OUT")!)], [7]);
});
