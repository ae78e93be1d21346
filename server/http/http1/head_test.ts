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
  assert.equal(parseHead("M-SEARCH / HTTP/1.1").method, "M-SEARCH");
  assert.equal(parseHead("GET / HTTP/1.1\r\nA: \t b\u00a0 \t").headers.get("a"), "b\u00a0");
  assert.equal(parseHead("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked").length, -1);
  assert.equal(parseHead("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5").length, 5);
  assert.equal(parseHead("POST / HTTP/1.1\r\nContent-Length: 5, 5").headers.get("content-length"), "5");
});

Deno.test("parseHead() finds the path where the target says that it is", () => {
  for (
    const [target, url] of [
      ["/v2/models/mé", "http://-/v2/models/mé"],
      ["//v2", "http://-//v2"],
      ["/x?u=http://y/v2", "http://-/x?u=http://y/v2"],
      ["http://host/v2", "http://host/v2"],
      ["HTTPS://host:1/v2?x", "http://host:1/v2?x"],
      ["http://host", "http://host/"],
      ["http://host?x=/v2", "http://host/?x=/v2"],
    ]
  ) assert.equal(parseHead(`GET ${target} HTTP/1.1`).url, url);
  assert.equal(parseHead("OPTIONS * HTTP/1.1").url, "http://-/*");
  assert.equal(parseHead("CONNECT host:80 HTTP/1.1").url, "http://-/host:80");
});

Deno.test("parseHead() hears no expectation from clients that do not know the answer", () => {
  const head = (version: string) => parseHead(`POST / ${version}\r\nExpect: 100-continue\r\nContent-Length: 1`);
  assert.deepEqual([head("HTTP/1.0").expectsContinue, head("HTTP/1.1").expectsContinue], [false, true]);
});

Deno.test("parseHead() keeps a connection as the version and the header say", () => {
  const keepAlive = (text: string) => parseHead(text).keepAlive;
  assert.equal(keepAlive("GET / HTTP/1.1\r\nConnection: Close"), false);
  assert.equal(keepAlive("GET / HTTP/1.0"), false);
  assert.equal(keepAlive("GET / HTTP/1.0\r\nConnection: keep-alive"), true);
  assert.equal(keepAlive("GET / HTTP/1.0\r\nConnection: keep-alive, close"), false);
  assert.equal(keepAlive("GET / HTTP/1.1\r\nConnection: x\r\nConnection: Close"), false);
  assert.equal(keepAlive("GET / HTTP/1.1\r\nConnection: enclosed"), true);
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
      ["GET / HTTP/1.1\r\nHost: a\r\nhost: a", 400, /several Host/],
      ["GET / HTTP/1.1\r\nA: x\r", 400, /control character/],
      ["GET / HTTP/1.1\r\nA: \0x", 400, /control character/],
      ["GET /\0 HTTP/1.1", 400, /request line/],
      ["GET v2 HTTP/1.1", 400, /target 'v2'/],
      ["GET * HTTP/1.1", 400, /target/],
      ["GET ?u=http://x/v2 HTTP/1.1", 400, /target/],
      ["GET ftp://x/v2 HTTP/1.1", 400, /target/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked", 400, /control character/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding:\nchunked", 400, /control character/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: \u00a0chunked", 501, /not supported/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: chun\u212aed", 501, /not supported/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 501, /'chunked, chunked'/],
      ["POST / HTTP/1.1\r\nTransfer-Encoding:", 501, /not supported/],
      ["POST / HTTP/1.1\r\nContent-Length: 5\u00a0", 400, /not a number/],
      ["POST / HTTP/1.1\r\nContent-Length: +5", 400, /not a number/],
      ["POST / HTTP/1.1\r\nContent-Length:", 400, /not a number/],
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
