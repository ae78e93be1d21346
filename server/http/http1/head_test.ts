import assert from "node:assert/strict";
import { BadHead, HeadCache, parseHead } from "./head.ts";

Deno.test("parseHead() reads request line, headers and what follows from them", () => {
  const head = parseHead(
    "POST /v2?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nX-A: 1\r\nx-a:  2 \r\nExpect: 100-Continue",
  );
  assert.deepEqual([head.method, head.url, head.length], ["POST", "http://-/v2?x=1", 12]);
  assert.equal(head.headers.get("x-a"), "1, 2");
  assert.equal(head.expectsContinue, true);
  assert.equal(head.keepAlive, true);
  assert.equal(parseHead("GET http://host/v2 HTTP/1.1").url, "http://host/v2");
  assert.equal(parseHead("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked").length, -1);
  assert.equal(parseHead("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5").length, 5);
});

Deno.test("parseHead() keeps a connection as the version and the header say", () => {
  const keepAlive = (text: string) => parseHead(text).keepAlive;
  assert.equal(keepAlive("GET / HTTP/1.1\r\nConnection: Close"), false);
  assert.equal(keepAlive("GET / HTTP/1.0"), false);
  assert.equal(keepAlive("GET / HTTP/1.0\r\nConnection: keep-alive"), true);
});

Deno.test("parseHead() refuses what two servers could read differently", () => {
  for (
    const [text, status, message] of [
      ["hello", 400, /request line 'hello'/],
      ["GET /a b HTTP/1.1", 400, /request line/],
      ["GET / HTTP/3.0", 505, /HTTP\/3.0/],
      ["get / HTTP/1.1", 400, /capitals/],
      ["GET / HTTP/1.1\r\nno colon", 400, /header line 'no colon'/],
      ["GET / HTTP/1.1\r\nName : x", 400, /header line/],
      ["GET / HTTP/1.1\r\n folded", 400, /header line/],
      ["GET / HTTP/1.1\r\nA: x\ny", 400, /control character/],
      ["POST / HTTP/1.1\r\nContent-Length: abc", 400, /'abc' is not a number/],
      ["POST / HTTP/1.1\r\nContent-Length: -1", 400, /not a number/],
      ["POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", 400, /differ/],
      ["POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400, /both/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: gzip", 501, /'gzip'/],
      ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked", 501, /chunked/],
    ] as const
  ) {
    assert.throws(() => parseHead(text), (error) => {
      return error instanceof BadHead && error.status === status && message.test(error.message);
    }, text);
  }
});

Deno.test("HeadCache parses a head once", () => {
  const heads = new HeadCache();
  assert.equal(heads.parse("GET / HTTP/1.1"), heads.parse("GET / HTTP/1.1"));
  assert.throws(() => heads.parse("x"), BadHead);
});
