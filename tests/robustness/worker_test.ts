/** Workers that hang or run out of memory in the middle of a request: its client is told, everyone else is served. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { binaryRequest, infer, simpleWorks, type WireTensor } from "../support/infer.ts";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";
import { needing } from "../support/needing.ts";
import { TestServer } from "../support/server.ts";

const python = await available(testPython());

function count(n: bigint): WireTensor {
  return { name: "N", datatype: "INT64", shape: [1], data: new Uint8Array(BigInt64Array.of(n).buffer) };
}

async function ask(server: TestServer, model: string, n: bigint): Promise<{ status: number; error: string }> {
  const answer = await fetch(`${server.http}/v2/models/${model}/infer`, {
    method: "POST",
    ...binaryRequest([count(n)]),
  });
  const text = await answer.text();
  return { status: answer.status, error: answer.status === 200 ? "" : JSON.parse(text).error };
}

async function spins(server: TestServer, n: bigint): Promise<bigint> {
  const output = (await infer(server.http, "spin", [count(n)])).get("COUNT")!;
  return new BigInt64Array(output.data.slice().buffer)[0];
}

/** Asks again while the worker is being restarted. */
async function spinsAgain(server: TestServer, n: bigint): Promise<bigint> {
  for (let attempt = 0;; attempt++) {
    try {
      return await spins(server, n);
    } catch (error) {
      if (attempt === 100 || !/503/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

for (const runtime of ["wasm", "native"]) {
  const title = `a worker that fails in mid-request is replaced (${runtime})`;
  Deno.test({
    ...needing(title, python.missing),
    async fn(t) {
      const repository = await Deno.makeTempDir({ prefix: "triton-ts-misbehave-" });
      try {
        await mustRun([python.value!, "-B", `${ROOT}/tests/robustness/make_models.py`, repository]);
        await using server = await TestServer.start({
          repositories: [`${ROOT}/models`, repository],
          args: [
            `--backend-config=onnxruntime,cpu-runtime=${runtime}`,
            "--backend-config=onnxruntime,execution-timeout-secs=1",
          ],
        });
        assert.equal(await spins(server, 5n), 5n);

        await t.step("a request that hangs gets 503 and a sentence, and others are served meanwhile", async () => {
          // Long enough to be found hanging, and not for ever where nothing can stop the thread.
          const hanging = ask(server, "spin", runtime === "wasm" ? 10n ** 12n : 30_000_000n);
          for (let i = 0; i < 20; i++) await simpleWorks(server.http);
          const { status, error } = await hanging;
          assert.equal(status, 503, error);
          assert.match(error, /spin/);
        });
        await t.step("the model answers again after its worker was restarted", async () => {
          assert.equal(await spinsAgain(server, 7n), 7n);
        });
        await t.step("requests that wait behind one that hangs are answered or told", async () => {
          const hanging = ask(server, "spin", runtime === "wasm" ? 10n ** 12n : 30_000_000n);
          const waiting = Array.from({ length: 8 }, () => ask(server, "spin", 3n));
          for (const { status, error } of [await hanging, ...await Promise.all(waiting)]) {
            assert.ok(status === 200 || status === 503, error);
          }
          assert.equal(await spinsAgain(server, 9n), 9n);
        });
        await t.step("a request that wants more memory than there is gets an error", async () => {
          // Where the first request of all fails, the native runtime sizes the first region of its memory by that one,
          // and the next request may take longer than the second that it has here.
          assert.equal((await ask(server, "fill", 1000n)).status, 200);
          const { status, error } = await ask(server, "fill", 10n ** 12n);
          assert.ok(status >= 400, error);
          assert.ok(error.length > 10, error);
          assert.equal((await ask(server, "fill", 1000n)).status, 200);
        });
        await t.step("and the server still adds", () => simpleWorks(server.http));
      } finally {
        await Deno.remove(repository, { recursive: true });
      }
    },
  });
}
