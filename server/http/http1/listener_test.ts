import assert from "node:assert/strict";
import { DirectResponse } from "../direct_response.ts";
import type { Answer } from "./connection.ts";
import { Client, pathOf, post, withListener } from "./testing.ts";

/** Answers with the method, the path and what came in the body; paths ask for trouble. */
const echo: Answer = async (request) => {
  const path = pathOf(request);
  if (path === "/unread") return new DirectResponse(200, [], "unread");
  if (path === "/caught") return new DirectResponse(400, [], await request.text().catch(() => "caught"));
  if (path === "/throw") throw new Error("no");
  if (path === "/stream") {
    return new Response(
      new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of ["one", "two"]) controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      }),
    );
  }
  if (path === "/large") return new DirectResponse(200, [], new Uint8Array(300_000).fill(65));
  if (path === "/gone") {
    await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
    gone.resolve();
  }
  return new DirectResponse(200, ["x-a", "1"], `${request.method} ${path} ${await request.text()}`);
};
let gone = Promise.withResolvers<void>();

Deno.test("Http1Listener keeps a connection for bodies of any size, however they arrive", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    for (const size of [0, 1, 1000, 70_000, 1_000_000]) {
      const whole = post("/a", "b".repeat(size));
      const cut = Math.floor(whole.length / 2);
      await client.send(whole.slice(0, cut));
      await client.send(`${whole.slice(cut)}`);
      const got = await client.until(`POST /a ${"b".repeat(size)}`);
      assert.match(got, /^HTTP\/1.1 200 OK\r\nx-a: 1\r\ncontent-length: \d+\r\n\r\nPOST/);
    }
  });
});

Deno.test("Http1Listener answers pipelined requests in order", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send(post("/1", "x") + "GET /2 HTTP/1.1\r\n\r\n" + post("/3", "z"));
    assert.deepEqual((await client.until("POST /3 z")).match(/(POST|GET) \/\d [xz]?/g), [
      "POST /1 x",
      "GET /2 ",
      "POST /3 z",
    ]);
  });
});

Deno.test("Http1Listener reads chunks and sends what has no length in chunks", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send(
      "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\nGET /stream HTTP/1.1\r\n\r\n",
    );
    const got = await client.until("0\r\n\r\n");
    assert.match(got, /POST \/c abcde/);
    assert.match(got, /transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/);
  });
});

Deno.test("Http1Listener tells a client that waits to send its body", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send("POST /e HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    await client.send("ok");
    assert.match(await client.until("POST /e ok"), /^HTTP\/1.1 200 OK/);
  });
});

Deno.test("Http1Listener answers HEAD, HTTP/1.0 and errors, and sends large bodies", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send("HEAD /h HTTP/1.1\r\n\r\n");
    assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 200 OK\r\nx-a: 1\r\n\r\n");
    await client.send(post("/throw", ""));
    assert.match(await client.until("}"), /^HTTP\/1.1 500 .*\{"error":"no"\}$/s);
    await client.send(post("/large", ""));
    assert.equal((await client.until("A".repeat(300_000))).length, 300_000 + 43);
    using old = await Client.connect(port);
    await old.send("GET /o HTTP/1.0\r\n\r\n");
    assert.match(await old.end(), /connection: close\r\n.*GET \/o $/s);
  });
});

Deno.test("Http1Listener reads off a body that nobody read, and closes where it is long", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send(post("/unread", "x".repeat(5000)) + post("/next", "n"));
    assert.match(await client.until("POST /next n"), /unread.*POST \/next n$/s);
    using other = await Client.connect(port);
    await other.send("POST /unread HTTP/1.1\r\nContent-Length: 9000000\r\n\r\nabc");
    assert.match(await other.end(), /unread$/);
  });
});

Deno.test("Http1Listener refuses what is no HTTP with a sentence, and closes", async () => {
  await withListener(echo, async (port) => {
    for (
      const [sent, expected] of [
        ["hello\r\n\r\n", /^HTTP\/1.1 400 .*not valid HTTP\/1.1: the request line 'hello'/s],
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /^HTTP\/1.1 505 /],
        [`GET / HTTP/1.1\r\nA: ${"x".repeat(70_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
        ["POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", /^HTTP\/1.1 400 .*chunk/s],
        ["POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", /^HTTP\/1.1 400 .*longer/s],
      ] as const
    ) {
      using client = await Client.connect(port);
      await client.send(sent);
      assert.match(await client.end(), expected);
    }
    using cut = await Client.connect(port);
    await cut.send("POST /c HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  });
});

Deno.test("Http1Listener aborts the request of a client that went away", async () => {
  gone = Promise.withResolvers();
  await withListener(echo, async (port) => {
    const client = await Client.connect(port);
    await client.send("GET /gone HTTP/1.1\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.conn.close();
    await gone.promise;
  });
});

Deno.test("shutdown() closes idle connections and refuses new ones", async () => {
  await withListener(echo, async (port, listener) => {
    using client = await Client.connect(port);
    await client.send(post("/a", ""));
    await client.until("POST /a ");
    await listener.shutdown();
    assert.equal(await client.end(), "");
    await assert.rejects(Client.connect(port));
  });
});

Deno.test("Http1Listener reads no request out of a broken body whose error the front end has answered", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send(
      "POST /caught HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    );
    const got = await client.end();
    assert.match(got, /^HTTP\/1.1 400 .*caught$/s);
    assert.equal(got.includes("smuggled"), false);
  });
});
