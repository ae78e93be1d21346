/** What the real Triton answered to sequences, asked of this server with a model that gives the same numbers. */
import assert from "node:assert/strict";
import { ONNX, onnxModel } from "../../backends/onnxruntime/graph_fixture.ts";
import { needing } from "../support/needing.ts";
import { shared, SHARED_ABSENT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";

const RECORDS = shared("reference/records/sequence.jsonl");
const MODELS = shared("reference/records/models.json");
const UINT64 = 13;

/** Answers that are not ours, and why. */
const OTHERWISE: Record<string, string> = {
  "seq_str start": "2.51 does not hand a string id to the model; here it works",
  "seq_str end": "as above",
  "seq_str long 128": "as above",
};

interface Exchange {
  readonly path: string;
  readonly body: string;
}
interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly result?: unknown;
}
interface Record_ {
  readonly name: string;
  readonly request?: Exchange & { readonly method: string };
  readonly response?: Answer;
  readonly concurrent?: readonly { readonly at: number; readonly request: Exchange }[];
  readonly responses?: readonly Answer[];
  readonly before?: readonly { readonly sleep?: number }[];
  readonly newer?: { readonly status: readonly number[] };
}

/** OUT: running total, START, END, READY, CORRID, and twice the rows of the batch. The total is an implicit state. */
function model(): Uint8Array<ArrayBuffer> {
  const shape = ["batch", 1];
  const controls = ["START", "END", "READY"];
  return onnxModel({
    inputs: [
      ...["INPUT", ...controls, "TOTAL_IN"].map((name) => ({ name, type: ONNX.INT32, shape })),
      { name: "CORRID", type: UINT64, shape },
    ],
    outputs: [
      { name: "OUT", type: ONNX.INT32, shape: ["batch", 7] },
      { name: "TOTAL_OUT", type: ONNX.INT32, shape },
    ],
    constants: [{ name: "first", dims: [1], values: BigInt64Array.of(0n) }],
    nodes: [
      { op: "Add", inputs: ["TOTAL_IN", "INPUT"], outputs: ["TOTAL_OUT"] },
      { op: "Cast", inputs: ["CORRID"], outputs: ["id"], integers: { to: ONNX.INT32 } },
      { op: "Shape", inputs: ["INPUT"], outputs: ["shape"] },
      { op: "Gather", inputs: ["shape", "first"], outputs: ["rows"], integers: { axis: 0 } },
      { op: "Cast", inputs: ["rows"], outputs: ["count"], integers: { to: ONNX.INT32 } },
      { op: "Expand", inputs: ["count", "shape"], outputs: ["column"] },
      {
        op: "Concat",
        inputs: ["TOTAL_OUT", ...controls, "id", "column", "column"],
        outputs: ["OUT"],
        integers: { axis: 1 },
      },
    ],
  });
}

async function writeRepository(folder: string): Promise<void> {
  const { models } = JSON.parse(await Deno.readTextFile(MODELS!)).setups.schedulers;
  for (const name of ["seq_direct", "seq_one", "seq_str"]) {
    await Deno.mkdir(`${folder}/${name}/1`, { recursive: true });
    const state = `state [ { input_name: "TOTAL_IN" output_name: "TOTAL_OUT" data_type: TYPE_INT32 dims: [ 1 ] } ]`;
    let config: string = models[name].config.replace('backend: "python"', 'backend: "onnxruntime"')
      .replace("sequence_batching {", `instance_group [ { kind: KIND_CPU count: 1 } ]\nsequence_batching { ${state}`);
    // the strings of seq_str cannot be compared with anything: identity will do
    if (name === "seq_str") {
      config = models[name].config.replace('backend: "python"', 'backend: "identity"')
        .replace("dims: [ 7 ]", "dims: [ 1 ]");
    } else await Deno.writeFile(`${folder}/${name}/1/model.onnx`, model());
    await Deno.writeTextFile(`${folder}/${name}/config.pbtxt`, config);
  }
}

async function ask(server: TestServer, { path, body }: Exchange): Promise<{ status: number; json: Json }> {
  const answer = await fetch(server.http + path, { method: "POST", body });
  return { status: answer.status, json: await answer.json() };
}

interface Json {
  readonly error?: string;
  readonly outputs?: readonly { readonly data: number[] }[];
}

/** The same status, the same error to begin with, the same total, flags and id. */
function check(got: { status: number; json: Json }, expected: Answer): void {
  assert.equal(got.status, expected.status, JSON.stringify(got.json));
  const json: Json = expected.body === undefined ? undefined : JSON.parse(expected.body);
  const error = json?.error ?? (expected.result as Json | undefined)?.error;
  if (error !== undefined) {
    assert.ok(got.json.error!.startsWith(error), `${got.json.error}, expected ${error}`);
    return;
  }
  const data = (json?.outputs?.[0].data ?? expected.result) as number[];
  // the rows depend on a sequence that 2.51 begins and newer versions refuse
  assert.deepEqual(got.json.outputs![0].data.slice(0, 5), data.slice(0, 5));
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test({
  ...needing("sequences are answered as the real Triton answered them", RECORDS && MODELS ? undefined : SHARED_ABSENT),
  async fn(t) {
    const lines = (await Deno.readTextFile(RECORDS!)).trim().split("\n");
    const records: Record_[] = lines.map((line) => JSON.parse(line));
    const repository = await Deno.makeTempDir({ prefix: "triton-ts-recorded-" });
    try {
      await writeRepository(repository);
      await using server = await TestServer.start({ repositories: [repository] });
      for (const { name, request, response, concurrent, responses, before, newer } of records) {
        if (request?.method === "GET" || OTHERWISE[name] !== undefined) continue;
        await t.step(name, async () => {
          for (const { sleep: seconds = 0 } of before ?? []) await sleep(seconds * 1000);
          if (request) {
            const got = await ask(server, request);
            if (newer && got.status !== response!.status) assert.ok(newer.status.includes(got.status));
            else if (newer) assert.equal(got.status, 400);
            else check(got, response!);
          }
          const answers = await Promise.all((concurrent ?? []).map(async ({ at, request }) => {
            await sleep(at * 1000);
            return await ask(server, request);
          }));
          answers.forEach((got, index) => check(got, responses![index]));
        });
      }
    } finally {
      await Deno.remove(repository, { recursive: true });
    }
  },
});
