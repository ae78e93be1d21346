/** Models that have their requests executed again and again, through a running server. */
import assert from "node:assert/strict";
import { TestServer } from "../support/server.ts";

const SLOTS = 2;
const CLIENTS = 5;
const RESPONSES = 3;

const CONFIG = `
backend: "repeat"
model_transaction_policy { decoupled: true }
input [
  { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] },
  { name: "DELAY" data_type: TYPE_UINT32 dims: [ -1 ] },
  { name: "WAIT" data_type: TYPE_UINT32 dims: [ 1 ] }
]
output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 1 ] }, { name: "IDX" data_type: TYPE_UINT32 dims: [ 1 ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
sequence_batching { iterative_sequence: true oldest { max_candidate_sequences: ${SLOTS} } }
`;

/** Notes each response as it comes. */
async function stream(url: string, client: number, seen: { client: number; index: number }[]): Promise<void> {
  const response = await fetch(`${url}/v2/models/steps/generate_stream`, {
    method: "POST",
    body: JSON.stringify({ IN: [client, client, client], DELAY: [100, 100, 100], WAIT: 0 }),
  });
  assert.equal(response.status, 200);
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const { OUT, IDX } = JSON.parse(text.slice("data: ".length, end));
      assert.equal(OUT, client);
      seen.push({ client, index: IDX });
      text = text.slice(end + 2);
    }
  }
}

Deno.test("an iterative model answers requests without sequence ids in turns, one response for each execution", async () => {
  const repository = await Deno.makeTempDir({ prefix: "iterative-" });
  try {
    await Deno.mkdir(`${repository}/steps/1`, { recursive: true });
    await Deno.writeTextFile(`${repository}/steps/config.pbtxt`, CONFIG);
    await using server = await TestServer.start({ repositories: [repository] });
    const seen: { client: number; index: number }[] = [];
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => stream(server.http, client, seen)));

    for (let client = 0; client < CLIENTS; client++) {
      assert.deepEqual(seen.filter((one) => one.client === client).map(({ index }) => index), [0, 1, 2]);
    }
    // the two that had the slots first took turns: both had begun before either ended
    const firstEnd = seen.findIndex(({ index }) => index === RESPONSES - 1);
    const begun = seen.slice(0, firstEnd).filter(({ index }) => index === 0);
    assert.ok(begun.length >= SLOTS);

    const [statistics] = (await (await fetch(`${server.http}/v2/models/steps/stats`)).json()).model_stats;
    assert.equal(statistics.execution_count, CLIENTS * RESPONSES);
    assert.equal(statistics.inference_count, CLIENTS);
    assert.equal(statistics.inference_stats.success.count, CLIENTS);
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});
