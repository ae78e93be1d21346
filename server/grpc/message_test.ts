import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { frameMessage } from "./frame.ts";
import { readUnaryMessage } from "./message.ts";
import type { GrpcCall } from "./transport/transport.ts";

/** A call whose body comes in these pieces. */
function callOf(pieces: readonly Uint8Array[], headers: Record<string, string> = {}, aborted = false): GrpcCall {
  const left = [...pieces];
  return {
    method: "POST",
    path: "/",
    url: "http://localhost/",
    headers: new Headers(headers),
    signal: aborted ? AbortSignal.abort() : new AbortController().signal,
    read: () => Promise.resolve(left.shift()),
  };
}

function split(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

const message = Uint8Array.from({ length: 1000 }, (_, i) => i);

for (const size of [1, 3, 5, 7, 999, 2000]) {
  Deno.test(`readUnaryMessage() joins pieces of ${size} bytes`, async () => {
    assert.deepEqual(await readUnaryMessage(callOf(split(frameMessage(message), size))), message);
  });
}

Deno.test("readUnaryMessage() reads messages beyond what is allocated at once", async () => {
  const large = new Uint8Array(20_000_000).fill(7);
  const read = await readUnaryMessage(callOf(split(frameMessage(large), 1 << 20)));
  assert.equal(read.length, large.length);
  assert(read.every((byte) => byte === 7));
});

Deno.test("readUnaryMessage() reads an empty message and a compressed one", async () => {
  assert.equal((await readUnaryMessage(callOf([frameMessage(new Uint8Array())]))).length, 0);
  const compressed = frameMessage(gzipSync(message), true);
  assert.deepEqual(await readUnaryMessage(callOf([compressed], { "grpc-encoding": "gzip" })), message);
});

const WRONG: [what: string, call: () => GrpcCall, expected: object][] = [
  ["an empty body", () => callOf([]), { code: "INTERNAL", message: /it is empty/ }],
  ["a cut header", () => callOf([new Uint8Array(3)]), { code: "INTERNAL", message: /it has 3 bytes/ }],
  [
    "a cut message",
    () => callOf([frameMessage(message).subarray(0, 100)]),
    { code: "INTERNAL", message: /cut off after 100 of 1005 bytes/ },
  ],
  ["a cancelled call", () => callOf([frameMessage(message).subarray(0, 9)], {}, true), { code: "CANCELLED" }],
  [
    "two messages",
    () => callOf(split(Uint8Array.from([...frameMessage(message), ...frameMessage(message)]), 700)),
    { code: "INTERNAL", message: /a unary call has one message/ },
  ],
  [
    "a bad flag",
    () => callOf([Uint8Array.of(2, 0, 0, 0, 0)]),
    { code: "INTERNAL", message: /its first byte is 2/ },
  ],
  [
    "an unknown encoding",
    () => callOf([frameMessage(message, true)], { "grpc-encoding": "br" }),
    { code: "UNSUPPORTED", message: /'br' is not supported/ },
  ],
  [
    "corrupt compressed data",
    () => callOf([frameMessage(message, true)], { "grpc-encoding": "deflate" }),
    { code: "INTERNAL", message: /cannot be decompressed as deflate/ },
  ],
];

for (const [what, call, expected] of WRONG) {
  Deno.test(`readUnaryMessage() refuses ${what}`, async () => {
    await assert.rejects(readUnaryMessage(call()), expected);
  });
}

Deno.test("readUnaryMessage() refuses messages above the limit, also where they are compressed", async () => {
  await assert.rejects(readUnaryMessage(callOf([frameMessage(message)]), 999), {
    grpcStatus: 8,
    message: "Received message larger than max (1000 vs. 999)",
  });
  const bomb = frameMessage(gzipSync(new Uint8Array(100_000)), true);
  await assert.rejects(readUnaryMessage(callOf([bomb], { "grpc-encoding": "gzip" }), 1000), { grpcStatus: 8 });
});
