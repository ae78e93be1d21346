/** SIGTERM while requests run: they finish, nothing new is taken, the exit code is 0. */
import assert from "node:assert/strict";
import { infer, int32, numbers } from "../support/infer.ts";
import { ROOT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";

async function slowRepository(milliseconds: number): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "triton-ts-slow-" });
  await Deno.mkdir(`${folder}/slow/1`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/slow/config.pbtxt`,
    `backend: "identity"
    input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]
    output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]
    parameters { key: "execute_delay_ms" value { string_value: "${milliseconds}" } }`,
  );
  return folder;
}

/** Waits until the server counts `count` requests of `slow` that have come and are not done. */
async function pending(server: TestServer, count: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
    const sent = text.match(/nv_inference_pending_request_count\{[^}]*model="slow"[^}]*\} (\d+)/);
    if (Number(sent?.[1]) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const one = (server: TestServer, value: number) => infer(server.http, "slow", [int32("INPUT0", [1], [value])]);

Deno.test("SIGTERM lets running and queued requests finish and ends with code 0", async () => {
  const repository = await slowRepository(400);
  try {
    await using server = await TestServer.start({ repositories: [repository] });
    const running = [1, 2, 3, 4].map((value) => one(server, value));
    // One of the four executes, three wait.
    await pending(server, 3);
    server.child.kill("SIGTERM");
    const outputs = await Promise.all(running);
    assert.deepEqual(outputs.map((output) => numbers(output.get("OUTPUT0")!)[0]), [1, 2, 3, 4]);
    assert.equal((await server.ended).code, 0, server.log);
    await assert.rejects(fetch(`${server.http}/v2/health/live`));
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});

Deno.test("a second SIGTERM ends the server at once, whatever runs", async () => {
  const repository = await slowRepository(120_000);
  try {
    await using server = await TestServer.start({ repositories: [repository] });
    const running = [1, 2].map((value) => one(server, value));
    const failures = Promise.all(running.map((each) => assert.rejects(each)));
    await pending(server, 1);
    server.child.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(server.running, "the first signal waits for what runs");
    server.child.kill("SIGTERM");
    await server.ended;
    await failures;
  } finally {
    await Deno.remove(repository, { recursive: true });
  }
});

Deno.test("SIGINT ends an idle server with code 0", async () => {
  await using server = await TestServer.start({ repositories: [`${ROOT}/models`] });
  server.child.kill("SIGINT");
  assert.equal((await server.ended).code, 0, server.log);
});

Deno.test("a port that is taken ends the start with a sentence", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = taken.addr.port;
  await assert.rejects(
    TestServer.start({ repositories: [`${ROOT}/models`], args: [`--http-port=${port}`] }),
    (error: Error) => {
      assert.match(error.message, new RegExp(`${port}`));
      assert.match(error.message, /in use/);
      return true;
    },
  );
});
