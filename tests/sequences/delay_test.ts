/** The environment variables with which client test suites fill queues before anything executes. */
import assert from "node:assert/strict";
import { infer, int32 } from "../support/infer.ts";
import { TestServer } from "../support/server.ts";

const TENSORS = `
backend: "identity"
input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
`;
const sequences = (strategy: string) => `sequence_batching { ${strategy} max_sequence_idle_microseconds: 600000000 }`;

const MODELS: Record<string, string> = {
  direct: `max_batch_size: 2 ${sequences("direct {}")}`,
  oldest: `max_batch_size: 4 ${sequences("oldest { max_candidate_sequences: 4 }")}`,
  batched: "max_batch_size: 8 dynamic_batching { }",
  alone: "max_batch_size: 8",
};

interface Sent {
  readonly id?: number | string;
  readonly start?: boolean;
  readonly end?: boolean;
}

function send({ http }: TestServer, model: string, { id, start, end }: Sent = {}): Promise<unknown> {
  const sequence = { sequence_id: id, sequence_start: start, sequence_end: end };
  return infer(http, model, [int32("IN", [1, 1], [1])], id === undefined ? {} : sequence);
}

/** Waits until so many requests wait. @returns the sizes of the batches that have been executed. */
async function sizesWhen(server: TestServer, model: string, pending: number): Promise<unknown> {
  for (;;) {
    const { pending_requests, batch_sizes } = await (await fetch(`${server.http}/v2/models/${model}/batching`)).json();
    if (pending_requests === pending) return batch_sizes;
  }
}

async function withServer(env: Record<string, string>, test: (server: TestServer) => Promise<void>): Promise<void> {
  const repository = await Deno.makeTempDir({ prefix: "delay-" });
  try {
    for (const [name, config] of Object.entries(MODELS)) {
      await Deno.mkdir(`${repository}/${name}/1`, { recursive: true });
      await Deno.writeTextFile(`${repository}/${name}/config.pbtxt`, config + TENSORS);
    }
    await using server = await TestServer.start({ repositories: [repository], env });
    await test(server);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
}

Deno.test("TRITONSERVER_DELAY_SCHEDULER and …BACKLOG_DELAY_SCHEDULER hold models back until enough waits", async (t) => {
  const env = { TRITONSERVER_DELAY_SCHEDULER: "3", TRITONSERVER_BACKLOG_DELAY_SCHEDULER: "2" };
  await withServer(env, async (server) => {
    await t.step("direct: so many requests in slots, and so many in the backlog", async () => {
      const answers: Promise<unknown>[] = [];
      const held = async (sent: Sent) => {
        answers.push(send(server, "direct", sent));
        assert.deepEqual(await sizesWhen(server, "direct", answers.length), []);
      };
      await held({ id: 1, start: true });
      await held({ id: "2", start: true });
      await held({ id: 3, start: true });
      await held({ id: 1, end: true });
      answers.push(send(server, "direct", { id: 3, end: true }));
      answers.push(send(server, "direct", { id: "2", end: true }));
      await Promise.all(answers);
      const sizes = await sizesWhen(server, "direct", 0) as { size: number }[];
      assert.ok(sizes.some(({ size }) => size === 2), "both slots had requests");
      await send(server, "direct", { id: 4, start: true, end: true });
    });
    await t.step("oldest: so many sequences with a request, whatever the backlog", async () => {
      const answers: Promise<unknown>[] = [];
      for (const id of [1, 2]) {
        for (const start of [true, false]) {
          answers.push(send(server, "oldest", { id, start, end: !start }));
          assert.deepEqual(await sizesWhen(server, "oldest", answers.length), []);
        }
      }
      answers.push(send(server, "oldest", { id: 3, start: true, end: true }));
      await Promise.all(answers);
      assert.deepEqual(await sizesWhen(server, "oldest", 0), [
        { size: 2, executions: 1 },
        { size: 3, executions: 1 },
      ]);
    });
    await t.step("dynamic batching: so many requests", async () => {
      const answers = [send(server, "batched"), send(server, "batched")];
      assert.deepEqual(await sizesWhen(server, "batched", 2), []);
      answers.push(send(server, "batched"));
      await Promise.all(answers);
      assert.deepEqual(await sizesWhen(server, "batched", 0), [{ size: 3, executions: 1 }]);
    });
    await t.step("a model that does not batch waits for nothing", async () => {
      await send(server, "alone");
    });
  });
});

Deno.test("TRITONSERVER_BACKLOG_DELAY_SCHEDULER alone holds nothing back", async () => {
  await withServer({ TRITONSERVER_BACKLOG_DELAY_SCHEDULER: "2" }, async (server) => {
    for (const model of ["direct", "oldest"]) await send(server, model, { id: 1, start: true });
    await send(server, "batched");
  });
});
