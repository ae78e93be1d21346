import assert from "node:assert/strict";
import type { HeaderField } from "./hpack/static_table.ts";
import { areGoodTrailers, readRequestHead } from "./request_head.ts";

type Fields = [string, string][];

const USUAL: Fields = [[":method", "POST"], [":scheme", "http"], [":path", "/a/b?c=d"], [":authority", "host:1"]];

function field([name, value]: readonly string[]): HeaderField {
  return { name, value, good: undefined };
}

function read(fields: Fields) {
  return readRequestHead(fields.map(field));
}

Deno.test("readRequestHead() reads what a request is", () => {
  const head = read([...USUAL, ["te", "trailers"], ["content-length", "12"], ["x-a", "b"]])!;
  const { method, scheme, target, authority, length } = head;
  assert.deepEqual([method, scheme, target, authority, length], ["POST", "http", "/a/b?c=d", "host:1", 12]);
  assert.deepEqual([...head.headers], [["te", "trailers"], ["content-length", "12"], ["x-a", "b"]]);
  assert.equal(head.headers.get("x-a"), "b");
  assert.equal(head.headers.get("x-b"), null);
  assert.equal(head.headers.has("x-b"), false);
  assert.equal(read(USUAL)!.length, -1);
});

Deno.test("readRequestHead() takes the host for the authority where there is none", () => {
  const others = USUAL.slice(0, 3);
  assert.equal(read([...others, ["host", "other"]])!.authority, "other");
  assert.equal(read(others)!.authority, "localhost");
});

Deno.test("readRequestHead() joins values of one name", () => {
  const { headers } = read([...USUAL, ["x", "1"], ["cookie", "a=b"], ["x", "2"], ["cookie", "c=d"]])!;
  assert.equal(headers.get("x"), "1, 2");
  assert.equal(headers.get("cookie"), "a=b; c=d");
});

Deno.test("readRequestHead() cuts blanks off values", () => {
  const { headers } = read([...USUAL, ["a", " \t1 2\t "], ["b", " "], ["c", ""], ["d", "\u00a0x\u00a0"]])!;
  assert.deepEqual(["a", "b", "c", "d"].map((name) => headers.get(name)), ["1 2", "", "", "\u00a0x\u00a0"]);
});

Deno.test("readRequestHead() takes a star for the path of the whole server", () => {
  assert.equal(read([[":method", "OPTIONS"], [":scheme", "http"], [":path", "*"]])!.target, "*");
});

Deno.test("readRequestHead() refuses what is no request", () => {
  const wrong: [string, Fields][] = [
    ["no fields", []],
    ...[0, 1, 2].map((i): [string, Fields] => [`no ${USUAL[i][0]}`, USUAL.filter((_, at) => at !== i)]),
    ...[0, 1, 2, 3].map((i): [string, Fields] => [`${USUAL[i][0]} twice`, [...USUAL, USUAL[i]]]),
    ["a relative path", [...USUAL.slice(0, 2), [":path", "a"]]],
    ["a star and more", [...USUAL.slice(0, 2), [":path", "*a"]]],
    ["an unknown pseudo-field", [...USUAL, [":protocol", "websocket"]]],
    ["a pseudo-field behind others", [...USUAL.slice(0, 3), ["a", "b"], USUAL[3]]],
    ["a NUL in a path", [...USUAL.slice(0, 2), [":path", "/a\0"]]],
    ["a length that is no number", [...USUAL, ["content-length", "-1"]]],
    ["an empty length", [...USUAL, ["content-length", ""]]],
    ["a length beyond all", [...USUAL, ["content-length", "1".repeat(16)]]],
    ["two lengths", [...USUAL, ["content-length", "1"], ["content-length", "1"]]],
    ...["", "A", "a b", "a:b", "ü", "a\n"].map((
      name,
    ): [string, Fields] => [`the name '${name}'`, [...USUAL, [name, "x"]]]),
    ...["a\nb", "a\rb", "a\0b"].map((value): [string, Fields] => ["a control character", [...USUAL, ["x", value]]]),
    ...["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"].map(
      (name): [string, Fields] => [name, [...USUAL, [name, "x"]]],
    ),
    ["te", [...USUAL, ["te", "gzip"]]],
  ];
  for (const [what, fields] of wrong) assert.equal(read(fields), undefined, what);
});

Deno.test("areGoodTrailers() refuses fields of a head and of a connection", () => {
  const good = (name: string) => areGoodTrailers([["x", "y"], [name, "z"]].map(field));
  assert.deepEqual(["a", ":path", "A", "connection"].map(good), [true, false, false, false]);
  assert.equal(areGoodTrailers([]), true);
});
