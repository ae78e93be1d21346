import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { frameMessage } from "./frame.ts";
import { MessageReader } from "./message_reader.ts";
import type { GrpcCall } from "./transport/transport.ts";

/** A call whose body arrives in these pieces. */
function callOf(pieces: Uint8Array[], { encoding = "", cancelled = false } = {}): GrpcCall {
  return {
    method: "POST",
    path: "/",
    url: "http://host/",
    headers: new Headers(encoding ? { "grpc-encoding": encoding } : {}),
    signal: cancelled ? AbortSignal.abort() : new AbortController().signal,
    read: () => Promise.resolve(pieces.shift()),
  };
}

async function all(reader: MessageReader): Promise<number[][]> {
  const messages: number[][] = [];
  for (let message; (message = await reader.next());) messages.push([...message]);
  return messages;
}

Deno.test("next() gives the messages however the body is cut", async () => {
  const messages = [[1, 2, 3], [], [4], Array.from({ length: 300 }, (_, i) => i & 0xff)];
  const body = Uint8Array.from(messages.flatMap((message) => [...frameMessage(Uint8Array.from(message))]));
  for (const size of [1, 2, 3, 7, 64, 1000]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
    assert.deepEqual(await all(new MessageReader(callOf(pieces))), messages);
  }
});

Deno.test("next() decompresses, message by message", async () => {
  const plain = Uint8Array.of(1, 2, 3);
  const pieces = [frameMessage(zlib.gzipSync(plain), true), frameMessage(plain)];
  assert.deepEqual(await all(new MessageReader(callOf(pieces, { encoding: "gzip" }))), [[1, 2, 3], [1, 2, 3]]);
});

Deno.test("next() refuses what is no message, is too large, or was cut off", async () => {
  const next = (bytes: number[], options = {}) =>
    new MessageReader(callOf([Uint8Array.from(bytes)], options), 10).next();
  await assert.rejects(next([2, 0, 0, 0, 0]), /its first byte is 2/);
  await assert.rejects(next([0, 0, 0, 0, 11]), { grpcStatus: 8, message: /larger than max \(11 vs\. 10\)/ });
  await assert.rejects(next([0, 0, 0, 0, 4, 1]), /cut off after 6 of 9 bytes/);
  await assert.rejects(next([0, 0], { cancelled: true }), { code: "CANCELLED" });
  await assert.rejects(new MessageReader(callOf([], { cancelled: true })).next(), { code: "CANCELLED" });
});
