/** Where one request ends and the next begins, when clients do all they can to blur it. */
import assert from "node:assert/strict";
import { DirectResponse } from "../direct_response.ts";
import type { Answer } from "./connection.ts";
import { Client, pathOf, post, withListener } from "./testing.ts";

const echo: Answer = async (request) => {
  const path = pathOf(request);
  if (path === "/unread") return new DirectResponse(200, [], "unread");
  if (path === "/stream") return new Response(ReadableStream.from([new TextEncoder().encode("streamed")]));
  if (path === "/accent") return new DirectResponse(200, ["x-a", "é".repeat(20)], "accent");
  return new DirectResponse(200, [], `${request.method} ${path} ${await request.text()};`);
};

const chunked = (path: string, chunks: string, headers = "") =>
  `POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${headers}\r\n${chunks}`;
const NEXT = "GET /next HTTP/1.1\r\n\r\n";

/** All that the server says until it closes. */
async function answers(port: number, ...parts: string[]): Promise<string> {
  using client = await Client.connect(port);
  for (const part of parts) await client.send(part);
  await client.conn.closeWrite();
  return await client.end();
}

Deno.test("Http1Listener takes chunks of any size and spelling that the protocol has", async () => {
  await withListener(echo, async (port) => {
    const large = "x".repeat(3_000_000);
    for (
      const [chunks, body] of [
        ["3\r\nabc\r\n0\r\n\r\n", "abc"],
        ["000000000003;a=b\r\nabc\r\n000\r\n\r\n", "abc"],
        ['3 ; a="b"\r\nabc\r\n0\r\nA: b\r\nContent-Length: 7\r\n\r\n', "abc"],
        [`${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`, large],
        ["0\r\n\r\n", ""],
      ]
    ) {
      const got = await answers(port, chunked("/c", chunks) + NEXT);
      assert.ok(got.includes(`POST /c ${body};`) && got.endsWith("GET /next ;"), got.slice(0, 200));
    }
  });
});

Deno.test("Http1Listener reads no further where chunks can be read in two ways", async () => {
  await withListener(echo, async (port) => {
    for (
      const chunks of [
        "3\nabc\r\n0\r\n\r\n",
        "3;a\nabc\r\n0\r\n\r\n",
        "3;a\rb\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "100000003\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nA: b\n\r\n",
        `3\r\nabc\r\n0\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(70)}\r\n`,
        `3;${"x".repeat(5000)}\r\nabc\r\n0\r\n\r\n`,
      ]
    ) {
      const got = await answers(port, chunked("/c", chunks) + NEXT);
      assert.match(got, /^HTTP\/1.1 400 .*connection: close/s, chunks.slice(0, 40));
      assert.equal(got.includes("/next"), false, chunks.slice(0, 40));
    }
  });
});

Deno.test("Http1Listener answers a request once, however the body that it did not want goes on", async () => {
  await withListener(echo, async (port) => {
    const got = await answers(port, chunked("/unread", "xyz\r\n") + NEXT);
    assert.match(got, /^HTTP\/1.1 200 OK\r\n.*unread$/s);
    assert.equal(got.split("HTTP/1.1").length, 2, got);
    // more than is read off, in chunks that are nearly nothing but what is around them
    const many = await answers(port, chunked("/unread", "1;xxxxxxxx\r\na\r\n".repeat(30_000) + "0\r\n\r\n") + NEXT);
    assert.equal(many.includes("/next"), false);
    const few = await answers(port, chunked("/unread", "1\r\na\r\n".repeat(100) + "0\r\n\r\n") + NEXT);
    assert.ok(few.endsWith("GET /next ;"), few);
  });
});

Deno.test("Http1Listener says that it closes where a body is too long to be read off, or not awaited", async () => {
  await withListener(echo, async (port) => {
    for (
      const request of [
        "POST /unread HTTP/1.1\r\nContent-Length: 9000000\r\n\r\nabc",
        "POST /unread HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        chunked("/unread", "", "Expect: 100-continue\r\n"),
      ]
    ) assert.match(await answers(port, request), /^HTTP\/1.1 200 OK\r\nconnection: close\r\n.*unread$/s);
  });
});

Deno.test("Http1Listener reads bodies of any size while hundreds of others do not come", async () => {
  await withListener(echo, async (port) => {
    const waiting: Client[] = [];
    try {
      for (let i = 0; i < 300; i++) {
        const client = await Client.connect(port);
        waiting.push(client);
        await client.send("POST /a HTTP/1.1\r\nContent-Length: 2000000000\r\n\r\nxx");
      }
      for (const size of [10, 65_536, 65_537, 3_000_000]) {
        const body = "0123456789".repeat(size / 10).padEnd(size, "x");
        assert.ok((await answers(port, post("/b", body))).endsWith(`POST /b ${body};`), `${size} bytes`);
      }
    } finally {
      for (const client of waiting) client.conn.close();
    }
  });
});

Deno.test("Http1Listener skips empty lines before a request, wherever they are cut", async () => {
  await withListener(echo, async (port) => {
    const got = await answers(port, `${post("/a", "b")}\r\n${post("/c", "d")}\r\n\r\n${NEXT}`);
    assert.deepEqual(got.match(/\S+ \/\w+ \w?;/g), ["POST /a b;", "POST /c d;", "GET /next ;"]);
    using client = await Client.connect(port);
    for (const part of ["\r", "\n\r", "\nGET /n", "ext HTTP/1.1\r", "\n\r\n"]) {
      await client.send(part);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.match(await client.until(";"), /GET \/next ;$/);
  });
});

Deno.test("Http1Listener refuses lines that end with LF alone, at once", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send("GET / HTTP/1.1\nHost: a\n\n");
    assert.match(await client.end(), /^HTTP\/1.1 400 .*LF alone/s);
  });
});

Deno.test("Http1Listener reads a body with the length that it says several times", async () => {
  await withListener(echo, async (port) => {
    const got = await answers(port, `POST /a HTTP/1.1\r\nContent-Length: 3, 3\r\nContent-Length: 3\r\n\r\nabc${NEXT}`);
    assert.match(got, /POST \/a abc;.*GET \/next ;$/s);
  });
});

Deno.test("Http1Listener ends a body that has no length for HTTP/1.0 by closing, even where it would keep alive", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert.match(await client.end(), /connection: close\r\n\r\nstreamed$/);
  });
});

Deno.test("Http1Listener sends HTTP/1.0 no 100 Continue, and no body after HEAD", async () => {
  await withListener(echo, async (port) => {
    using client = await Client.connect(port);
    await client.send("POST /a HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.send("x");
    assert.match(await client.end(), /^HTTP\/1.1 200 /);
    assert.match(
      await answers(port, `HEAD /stream HTTP/1.1\r\n\r\n${NEXT}`),
      /^HTTP\/1.1 200 OK\r\n\r\nHTTP\/1.1 200 OK\r\n/,
    );
  });
});

Deno.test("Http1Listener sends heads whose characters take several bytes", async () => {
  await withListener(echo, async (port) => {
    assert.match(await answers(port, `GET /accent HTTP/1.1\r\n\r\n${NEXT}`), /: é{20}\r\n.*accentHTTP.*\/next ;$/s);
  });
});
