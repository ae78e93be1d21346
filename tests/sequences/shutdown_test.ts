/** SIGTERM while sequences are open: they may go on, nothing else begins. */
import assert from "node:assert/strict";
import { infer, int32 } from "../support/infer.ts";
import { TestServer } from "../support/server.ts";

const TENSORS = `
input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]
`;
const ONE = "instance_group [ { kind: KIND_CPU count: 1 } ]";
const step = (model: string, input: string, output: string) =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "IN" value: "${input}" }
     output_map { key: "OUT" value: "${output}" } }`;

const models = (idleMicros: number): Record<string, string> => ({
  stateful: `backend: "identity" ${ONE} sequence_batching {
    max_sequence_idle_microseconds: ${idleMicros} oldest { max_candidate_sequences: 4 } }`,
  before: `backend: "identity" ${ONE}`,
  other: `backend: "identity" ${ONE}`,
  both: `platform: "ensemble" ensemble_scheduling { step [
    ${step("before", "IN", "between")}, ${step("stateful", "between", "OUT")}
  ] }`,
});

interface Sent {
  readonly id?: number;
  readonly start?: boolean;
  readonly end?: boolean;
}

function send({ http }: TestServer, model: string, { id, start, end }: Sent = {}): Promise<unknown> {
  const sequence = { sequence_id: id, sequence_start: start, sequence_end: end };
  return infer(http, model, [int32("IN", [1], [1])], id === undefined ? {} : sequence);
}

async function withServer(idleMicros: number, test: (server: TestServer) => Promise<void>): Promise<void> {
  const repository = await Deno.makeTempDir({ prefix: "sequences-" });
  try {
    for (const [name, config] of Object.entries(models(idleMicros))) {
      await Deno.mkdir(`${repository}/${name}/1`, { recursive: true });
      await Deno.writeTextFile(`${repository}/${name}/config.pbtxt`, config + TENSORS);
    }
    // far longer than these tests may take
    await using server = await TestServer.start({ repositories: [repository], args: ["--exit-timeout-secs=3600"] });
    await test(server);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
}

/** Sends SIGTERM and waits until the server says that it is not ready. */
async function terminate(server: TestServer): Promise<void> {
  server.child.kill("SIGTERM");
  for (;;) {
    const answer = await fetch(`${server.http}/v2/health/ready`);
    await answer.body?.cancel();
    if (answer.status !== 200) return;
  }
}

Deno.test("SIGTERM lets open sequences go on to their end, alone and through ensembles", async () => {
  await withServer(3_600_000_000, async (server) => {
    await send(server, "stateful", { id: 1, start: true });
    await send(server, "both", { id: 2, start: true });
    await terminate(server);
    assert.match(server.log, /2 sequences are open/);
    await send(server, "stateful", { id: 1 });
    await send(server, "both", { id: 2 });
    await assert.rejects(send(server, "stateful", { id: 3, start: true }), /503 .*stopping/);
    await assert.rejects(send(server, "stateful", { id: 1, start: true }), /503 .*stopping/);
    await assert.rejects(send(server, "other"), /503 .*stopping/);
    await send(server, "stateful", { id: 1, end: true });
    assert.ok(server.running);
    await send(server, "both", { id: 2, end: true });
    assert.equal((await server.ended).code, 0, server.log);
  });
});

Deno.test("SIGTERM waits for a silent sequence no longer than it may be silent", async () => {
  await withServer(200_000, async (server) => {
    await send(server, "stateful", { id: 1, start: true });
    server.child.kill("SIGTERM");
    assert.equal((await server.ended).code, 0, server.log);
  });
});
