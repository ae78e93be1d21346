/** Whatever is sent, the server answers with a status and a sentence, or closes the connection, and goes on serving. */
import assert from "node:assert/strict";
import { simpleWorks } from "../support/infer.ts";
import { ROOT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";
import {
  type BadRequest,
  complete,
  NOT_JSON,
  WRONG_BINARY,
  WRONG_HEADERS,
  WRONG_JSON,
  WRONG_PATHS,
} from "./bad_bodies.ts";
import { bytes, exchange, noise, post } from "./raw.ts";

const GROUPS: Record<string, Record<string, BadRequest>> = {
  "a body that is no JSON": NOT_JSON,
  "JSON that is no request": WRONG_JSON,
  "a binary request that does not add up": WRONG_BINARY,
  "a header that does not fit": WRONG_HEADERS,
  "a path that leads nowhere": WRONG_PATHS,
};

/** What no sentence for a client may contain. */
const INTERNALS = /file:\/\/|\bat \S+ \(|\.ts:\d+|\.ts\b|TypeError|RangeError|SyntaxError|undefined|\[object/;

async function gzipped(size: number): Promise<Uint8Array<ArrayBuffer>> {
  let left = size;
  const zeros = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      controller.enqueue(new Uint8Array(Math.min(left, 1 << 20)));
      left -= 1 << 20;
      if (left <= 0) controller.close();
    },
  });
  return await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).bytes();
}

async function sentence(answer: Response): Promise<string> {
  const text = await answer.text();
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/, text);
  const { error } = JSON.parse(text);
  assert.equal(typeof error, "string", text);
  assert.ok(error.length > 3, text);
  assert.doesNotMatch(error, INTERNALS);
  return error;
}

Deno.test("bad HTTP requests get a status and a sentence", async (t) => {
  await using server = await TestServer.start({ repositories: [`${ROOT}/models`] });

  for (const [group, requests] of Object.entries(GROUPS)) {
    for (const [name, request] of Object.entries(requests)) {
      await t.step(`${group}: ${name}`, async () => {
        const { path, method, headers, status, says, body } = complete(request);
        const answer = await fetch(server.http + path, {
          method,
          headers,
          ...(body !== undefined && { body: body as BodyInit }),
        });
        const error = await sentence(answer);
        assert.equal(answer.status, status, error);
        if (says) assert.match(error, says);
      });
    }
  }

  await t.step("a body beyond the limit", async () => {
    const answer = await fetch(`${server.http}/v2/models/simple/infer`, {
      method: "POST",
      body: `{"inputs":[],"id":"${"x".repeat(65 << 20)}"}`,
    });
    const error = await sentence(answer);
    assert.equal(answer.status, 400, error);
    assert.match(error, /--http-max-input-size/);
  });

  await t.step("a small body that unpacks to 1 GB", async () => {
    const answer = await fetch(`${server.http}/v2/models/simple/infer`, {
      method: "POST",
      headers: { "content-encoding": "gzip" },
      body: await gzipped(1 << 30),
    });
    assert.equal(answer.status, 400, await sentence(answer));
  });

  await t.step("random changes to a good request", async () => {
    const good = bytes(JSON.stringify({
      inputs: ["INPUT0", "INPUT1"].map((name) => ({
        name,
        datatype: "INT32",
        shape: [1, 16],
        data: Array.from({ length: 16 }, (_, i) => i),
      })),
    }));
    const random = noise(4000, 7);
    for (let i = 0; i + 3 < random.length; i += 4) {
      const changed = good.slice();
      const at = ((random[i] << 8) | random[i + 1]) % changed.length;
      changed[at] = random[i + 2];
      const answer = await fetch(`${server.http}/v2/models/simple/infer`, { method: "POST", body: changed });
      if (answer.status === 200) await answer.body?.cancel();
      else assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}: ${await sentence(answer)}`);
    }
  });

  await t.step("and the server still adds", () => simpleWorks(server.http));
  await t.step("and its log has no stack", () => assert.doesNotMatch(server.log, /\n\s+at .*\.ts:\d+/));
});

/** Bytes that are no HTTP, for every port. */
const GARBAGE: Record<string, readonly Uint8Array[]> = {
  "nothing": [],
  "random bytes": [noise(65_536, 2)],
  "zeros": [new Uint8Array(10_000)],
  "empty lines": [bytes("\r\n".repeat(1000))],
  "one endless line": [bytes("G".repeat(1_000_000))],
  "half a request": [bytes("POST /v2/models/simple/infer HTTP/1.1\r\nHo")],
  "a version from the future": [bytes("GET /v2 HTTP/9.9\r\nHost: x\r\n\r\n")],
  "a header of 1 MB": [bytes(`GET /v2 HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(1 << 20)}\r\n\r\n`)],
  "10,000 headers": [bytes(`GET /v2 HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(10_000)}\r\n`)],
  "a header without a colon": [bytes("GET /v2 HTTP/1.1\r\nHost x\r\n\r\n")],
  "a NUL in a header": [bytes("GET /v2 HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n")],
  "less body than announced": post("/v2/models/simple/infer", { "Content-Length": "1000" }, "{}"),
  "a negative length": post("/v2/models/simple/infer", { "Content-Length": "-5" }, "{}"),
  "a length that is text": post("/v2/models/simple/infer", { "Content-Length": "many" }, "{}"),
  "two lengths": post("/v2/models/simple/infer", { "Content-Length": "2\r\nContent-Length: 3" }, "{}x"),
  "a chunk size that is text": post(
    "/v2/models/simple/infer",
    { "Transfer-Encoding": "chunked" },
    "zz\r\n{}\r\n0\r\n\r\n",
  ),
  "a chunk size of 2^64": post("/v2/models/simple/infer", { "Transfer-Encoding": "chunked" }, "ffffffffffffffff\r\n{}"),
  "a chunk that never ends": post("/v2/models/simple/infer", { "Transfer-Encoding": "chunked" }, "5\r\n{}"),
  "a TLS hello": [new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), noise(500, 4)],
  "an HTTP/2 preface and noise": [bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), noise(5000, 5)],
  "an HTTP/2 preface and a frame of 16 MB": [
    bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    new Uint8Array([255, 255, 255, 0, 0, 0, 0, 0, 1]),
  ],
  "an HTTP/2 preface and 1000 pings": [
    bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ...Array.from({ length: 1000 }, () => new Uint8Array([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])),
  ],
  "an HTTP/2 preface and headers that cannot be unpacked": [
    bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    new Uint8Array([0, 0, 6, 1, 5, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255]),
  ],
};

Deno.test("bytes that are no protocol close the connection and leave the server alone", async (t) => {
  await using server = await TestServer.start({ repositories: [`${ROOT}/models`] });
  const ports = { HTTP: server.httpPort, gRPC: server.grpcPort, metrics: server.metricsPort };
  for (const [service, port] of Object.entries(ports)) {
    for (const [name, parts] of Object.entries(GARBAGE)) {
      await t.step(`${service}: ${name}`, async () => {
        const { status } = await exchange(port, parts, 1000);
        // Where the bytes are still a request to somebody, its answer is a refusal.
        const refused = status === undefined || (status >= 400 && status < 506);
        assert.ok(refused || (service === "metrics" && status === 200), `status ${status}`);
        await simpleWorks(server.http);
      });
    }
  }

  await t.step("200 connections that say one letter and wait do not keep others out", async () => {
    const waiting: Deno.Conn[] = [];
    try {
      for (let i = 0; i < 200; i++) {
        const connection = await Deno.connect({
          hostname: "127.0.0.1",
          port: i % 2 ? server.httpPort : server.grpcPort,
        });
        waiting.push(connection);
        await connection.write(bytes("P"));
      }
      for (let i = 0; i < 10; i++) await simpleWorks(server.http);
    } finally {
      for (const connection of waiting) connection.close();
    }
  });

  await t.step("500 connections that close at once", async () => {
    for (let i = 0; i < 500; i++) {
      (await Deno.connect({ hostname: "127.0.0.1", port: i % 2 ? server.httpPort : server.grpcPort })).close();
    }
    await simpleWorks(server.http);
  });

  await t.step("clients that leave before the answer", async () => {
    const body = bytes(JSON.stringify({
      inputs: ["INPUT0", "INPUT1"].map((name) => ({
        name,
        datatype: "INT32",
        shape: [1, 16],
        data: Array(16).fill(1),
      })),
    }));
    for (let i = 0; i < 100; i++) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.httpPort });
      const [head] = post("/v2/models/simple/infer", { "Content-Length": String(body.length) });
      await connection.write(head);
      if (i % 3) await connection.write(body);
      connection.close();
    }
    await simpleWorks(server.http);
  });

  await t.step("and the server still runs", () => assert.ok(server.running));
});
