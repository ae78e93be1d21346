/** Clients that stop in the middle, close half of the connection, or keep one that others need. */
import assert from "node:assert/strict";
import { DirectResponse } from "../direct_response.ts";
import { clientWasGone } from "../../tcp_server.ts";
import type { Answer, Patience } from "./connection.ts";
import { Client, pathOf, post, withListener } from "./testing.ts";

const SOON: Patience = { headMs: 20, stallMs: 20, lingerMs: 20, sweepMs: 5 };
const PATIENT: Patience = { headMs: 1e6, stallMs: 1e6, lingerMs: 1e6, sweepMs: 1e6 };

const moment = (ms = 50) => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers in the end, or when the client has gone. */
const answer: Answer = async (request) => {
  const path = pathOf(request);
  if (path === "/unread") return new DirectResponse(400, [], "unread");
  if (path === "/large") return new DirectResponse(200, [], new Uint8Array(64 * 1024 * 1024));
  const text = await request.text();
  if (path === "/slow") {
    let gone = false;
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, 400);
    request.signal.addEventListener("abort", () => {
      gone = true;
      over.resolve();
    });
    await over.promise;
    clearTimeout(timer);
    outcomes.push(gone ? "gone" : "there");
  }
  return new DirectResponse(200, [], `${request.method} ${path} ${text}`);
};
const outcomes: string[] = [];

Deno.test("Http1Listener gives up a head, a body, chunks and an answer that do not go on", async () => {
  await withListener(answer, async (port) => {
    for (
      const sent of [
        "GET / HT",
        "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /unread HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
      ]
    ) {
      using client = await Client.connect(port);
      await client.send(sent);
      assert.doesNotMatch(await client.end(), /200/, sent);
    }
    using deaf = await Client.connect(port);
    await deaf.send("GET /large HTTP/1.1\r\n\r\n");
    await moment(200);
    assert.ok((await deaf.end()).length < 64 * 1024 * 1024);
  }, SOON);
});

Deno.test("Http1Listener waits for a slow body and for the next request of a silent client", async () => {
  await withListener(answer, async (port) => {
    using client = await Client.connect(port);
    for (let i = 0; i < 2; i++) {
      await client.send("POST /a HTTP/1.1\r\nContent-Length: 40\r\n\r\n");
      for (let sent = 0; sent < 40; sent++) {
        await client.send("x");
        await moment(5);
      }
      assert.match(await client.until("x".repeat(40)), /^HTTP\/1.1 200/);
      await moment(100);
    }
  }, { ...SOON, stallMs: 150 });
});

Deno.test("Http1Listener lets a client that sends a long body nobody wants read its answer", async () => {
  await withListener(answer, async (port) => {
    const body = "x".repeat(20_000_000);
    for (const request of [post("/unread", body), `POST / HTTP/1.1\r\nContent-Length: z\r\n\r\n${body}`]) {
      using client = await Client.connect(port);
      await client.send(request);
      assert.match(await client.end(), /^HTTP\/1.1 400 .*connection: close/s);
    }
  }, PATIENT);
});

Deno.test("Http1Listener ends a connection that goes on sending after its end, and so does shutdown()", async () => {
  const refused = "POST /unread HTTP/1.1\r\nContent-Length: 20000000\r\n\r\nab";
  await withListener(answer, async (port) => {
    using client = await Client.connect(port);
    await client.send(refused);
    assert.match(await client.end(), /unread$/);
    await assert.rejects(async () => {
      for (;;) {
        await client.send("x");
        await moment(5);
      }
    });
  }, SOON);
  const clients: Client[] = [];
  await withListener(answer, async (port) => {
    clients.push(await Client.connect(port));
    await clients[0].send(refused);
    await clients[0].until("unread");
  }, PATIENT);
  clients[0].conn.close();
});

Deno.test("Http1Listener answers clients that closed their side, and stops for those that have gone", async () => {
  for (
    const [version, closes, outcome] of [["1.1", "half", "there"], ["1.0", "half", "there"], ["1.1", "all", "gone"]]
  ) {
    outcomes.length = 0;
    await withListener(answer, async (port) => {
      const client = await Client.connect(port);
      await client.send(`GET /slow HTTP/${version}\r\n\r\n`);
      await moment();
      if (closes === "half") {
        await client.conn.closeWrite();
        assert.match(await client.end(), /^(HTTP\/1.1 100 Continue\r\n\r\n)*HTTP\/1.1 200 .*GET \/slow $/s);
      }
      client.conn.close();
    }, PATIENT);
    assert.deepEqual(outcomes, [outcome], `${version} ${closes}`);
  }
});

Deno.test("clientWasGone() tells a client that gave up from a server that can take no more", () => {
  assert.equal(clientWasGone(new Deno.errors.NotConnected("Transport endpoint is not connected")), true);
  assert.equal(clientWasGone(new Deno.errors.ConnectionAborted("")), true);
  assert.equal(clientWasGone(new Error("Too many open files (os error 24)")), false);
});
