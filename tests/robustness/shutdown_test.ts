/** SIGTERM while requests run: they finish, nothing new is taken, the exit code is 0. */
import assert from "node:assert/strict";
import { infer, int32, numbers } from "../support/infer.ts";
import { ROOT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";
import { bytes } from "./raw.ts";

function slowRepository(milliseconds: number): Promise<string> {
  return repositoryOf(
    `parameters { key: "execute_delay_ms" value { string_value: "${milliseconds}" } }`,
  );
}

/** A repository with the model `slow`, and a line of its configuration. */
async function repositoryOf(line: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "triton-ts-slow-" });
  await Deno.mkdir(`${folder}/slow/1`, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/slow/config.pbtxt`,
    `backend: "identity"
    input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]
    output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ]
    ${line}`,
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

Deno.test("SIGTERM executes at once what waits for a larger batch", async () => {
  const repository = await repositoryOf(
    "max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 3600000000 }",
  );
  try {
    await using server = await TestServer.start({ repositories: [repository] });
    const waiting = [1, 2].map((value) => infer(server.http, "slow", [int32("INPUT0", [1, 1], [value])]));
    await pending(server, 2);
    server.child.kill("SIGTERM");
    const outputs = await Promise.all(waiting);
    assert.deepEqual(outputs.map((output) => numbers(output.get("OUTPUT0")!)[0]), [1, 2]);
    assert.equal((await server.ended).code, 0, server.log);
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

/** Connections that a server cannot tell from those of a client that is about to ask, by what they have sent. */
const SILENT: Readonly<Record<string, Partial<Record<"httpPort" | "grpcPort" | "metricsPort", Uint8Array>>>> = {
  "HTTP/2 connections without a call": {
    // the preface, and an empty SETTINGS frame
    grpcPort: bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
  },
  "kept-alive connections": {
    httpPort: bytes("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"),
    metricsPort: bytes("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
  },
  "half requests": {
    httpPort: bytes("GET /v2/health/live HTTP/1.1\r\nHo"),
    grpcPort: bytes("PRI * HT"),
    metricsPort: bytes("GET /metrics HTTP/1.1\r\nHo"),
  },
  "connections that have sent nothing": { httpPort: bytes(""), grpcPort: bytes(""), metricsPort: bytes("") },
};

for (const [what, sent] of Object.entries(SILENT)) {
  Deno.test(`${what} do not hold up the end, nor make it a failure`, async () => {
    // far more than this test may take
    await using server = await TestServer.start({
      repositories: [`${ROOT}/models`],
      args: ["--exit-timeout-secs=3600"],
    });
    const connections: Deno.Conn[] = [];
    try {
      for (const [port, start] of Object.entries(sent)) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: server[port as keyof typeof sent] });
        connections.push(connection);
        await connection.write(start);
      }
      // by then the server has accepted them
      await fetch(`${server.http}/v2`).then((response) => response.body?.cancel());
      server.child.kill("SIGTERM");
      assert.equal((await server.ended).code, 0, server.log);
    } finally {
      for (const connection of connections) connection.close();
    }
  });
}

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
