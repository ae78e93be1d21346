import assert from "node:assert/strict";
import * as h2 from "./frames.ts";
import { frameOf, PREFACE, readUint31 } from "./frames.ts";
import { CONNECTION_WINDOW, MAX_CALLS, STREAM_WINDOW } from "./limits.ts";
import { data, headers, RawClient, requestFields, setting, uint32, windowUpdate } from "./testing/raw_client.ts";
import { bodyOf, reply, serve } from "./testing/server.ts";

const ENDS = h2.END_HEADERS | h2.END_STREAM;
const call = (stream: number, path: string) => headers(stream, requestFields(path), ENDS);

/** Payloads of the DATA frames that come until the server has nothing more to send. */
async function pieces(client: RawClient): Promise<number[]> {
  const ping = crypto.getRandomValues(new Uint8Array(8));
  const lengths: number[] = [];
  // what a frame set free is sent at the end of the turn that took it, so that a ping after it is too early
  for (let round = 0; round < 2; round++) {
    await client.send(frameOf(h2.PING, 0, 0, ping));
    for (let frame; (frame = await client.next()) && frame.type !== h2.PING;) {
      if (frame.type === h2.DATA) lengths.push(frame.payload.length);
    }
  }
  return lengths;
}

Deno.test("serve() says hello with its settings and acknowledges the client's", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  const ours = (await client.next())!;
  assert.deepEqual([ours.type, ours.flags, ours.stream], [h2.SETTINGS, 0, 0]);
  const values = Array.from({ length: ours.payload.length / 6 }, (_, i) => {
    return [ours.payload[i * 6 + 1], readUint31(ours.payload, i * 6 + 2)];
  });
  assert.deepEqual(values, [[3, MAX_CALLS], [4, STREAM_WINDOW], [6, 64 * 1024]]);
  const window = (await client.next())!;
  assert.deepEqual([window.type, readUint31(window.payload, 0)], [h2.WINDOW_UPDATE, CONNECTION_WINDOW - 65_535]);
  const acknowledged = await client.until(h2.SETTINGS);
  assert.deepEqual([acknowledged.flags, acknowledged.payload.length], [h2.ACK, 0]);
});

Deno.test("serve() takes a preface that comes byte by byte, and frames that do", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, false);
  const bytes = [...PREFACE, ...frameOf(h2.SETTINGS, 0, 0, []), ...headers(1), ...data(1, [1, 2], h2.END_STREAM)];
  for (const byte of bytes) {
    await client.send(Uint8Array.of(byte));
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual([...(await client.answer(1)).body], [1, 2]);
});

Deno.test("serve() sends a ping's payload back", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  await client.send(frameOf(h2.PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]));
  const { flags, payload } = await client.until(h2.PING);
  assert.equal(flags, h2.ACK);
  assert.deepEqual([...payload], [1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("serve() sends no more than the window of a stream, also when it shrinks below nothing", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, setting(h2.INITIAL_WINDOW_SIZE, 10));
  await client.send(call(1, "/100"));
  await client.until(h2.HEADERS);
  assert.deepEqual(await pieces(client), [10]);
  await client.send(windowUpdate(1, 1));
  assert.deepEqual(await pieces(client), [1]);
  await client.send(frameOf(h2.SETTINGS, 0, 0, setting(h2.INITIAL_WINDOW_SIZE, 0))); // 11 were sent: it is at -10
  await client.send(windowUpdate(1, 10));
  assert.deepEqual(await pieces(client), []);
  await client.send(windowUpdate(1, 3));
  assert.deepEqual(await pieces(client), [3]);
  await client.send(frameOf(h2.SETTINGS, 0, 0, setting(h2.INITIAL_WINDOW_SIZE, 20)));
  assert.deepEqual(await pieces(client), [20]);
  await client.send(windowUpdate(1, 1000));
  assert.deepEqual(await pieces(client), [66]);
});

Deno.test("serve() shares the window of the connection, and sends on when it opens", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, setting(h2.INITIAL_WINDOW_SIZE, 1 << 20));
  await client.send(call(1, "/65000"), call(3, "/1000"), call(5, "/1000"));
  const sum = (lengths: number[]) => lengths.reduce((all, length) => all + length, 0);
  assert.equal(sum(await pieces(client)), 65_535);
  await client.send(windowUpdate(0, 1));
  assert.deepEqual(await pieces(client), [1]);
  await client.send(windowUpdate(0, 10_000));
  assert.equal(sum(await pieces(client)), 67_000 - 65_536);
});

Deno.test("serve() passes by a call whose own window is closed", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, setting(h2.INITIAL_WINDOW_SIZE, 0));
  await client.send(call(1, "/5"), call(3, "/6"), windowUpdate(3, 6));
  assert.deepEqual([...(await client.answer(3)).body], Array(6).fill(6));
  await client.send(windowUpdate(1, 5));
  assert.deepEqual([...(await client.answer(1)).body], Array(5).fill(5));
});

Deno.test("serve() gives back to the connection's window what a cancelled call would have been sent", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, setting(h2.INITIAL_WINDOW_SIZE, 1 << 20));
  await client.send(call(1, "/100000"), call(3, "/100"));
  await client.settled();
  await client.send(frameOf(h2.RST_STREAM, 0, 1, uint32(h2.CANCEL)), windowUpdate(0, 100));
  assert.equal((await client.answer(3)).body.length, 100);
});

Deno.test("serve() ends a stream, then a connection, on which more comes than was allowed", async () => {
  await using server = await serve(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve)); // reads nothing
    return reply(undefined);
  });
  await using client = await RawClient.connect(server.port);
  const piece = new Uint8Array(16_384);
  const fill = async (stream: number) => {
    await client.send(headers(stream));
    for (let sent = 0; sent < STREAM_WINDOW; sent += piece.length) await client.send(data(stream, piece));
  };
  await fill(1);
  await client.send(data(1, [0]));
  assert.equal(await client.resetCode(1), h2.FLOW_CONTROL_ERROR);
  const streams = CONNECTION_WINDOW / STREAM_WINDOW;
  for (let i = 1; i <= streams; i++) await fill(1 + 2 * i);
  await client.send(headers(99), data(99, [0]));
  assert.equal(await client.goAwayCode(), h2.FLOW_CONTROL_ERROR);
});

Deno.test("serve() opens both windows as a body is read, padding included", async () => {
  await using server = await serve(async (call) => reply(Uint8Array.of((await bodyOf(call)).length & 0xff)));
  await using client = await RawClient.connect(server.port);
  const padded = Uint8Array.of(255, ...new Uint8Array(256)); // 257 bytes of which one counts
  let onStream = STREAM_WINDOW, onConnection = CONNECTION_WINDOW, sent = 0;
  await client.send(headers(1));
  const heard = (async () => {
    for (let frame; (frame = await client.next());) {
      if (frame.type === h2.HEADERS) return;
      if (frame.type !== h2.WINDOW_UPDATE) continue;
      const bytes = readUint31(frame.payload, 0);
      if (frame.stream === 1) onStream += bytes;
      else if (sent > 0) onConnection += bytes;
    }
  })();
  const many = Uint8Array.from(Array.from({ length: 200 }, () => [...data(1, padded, h2.PADDED)]).flat());
  while (sent < 2 * CONNECTION_WINDOW) {
    const bytes = 200 * padded.length;
    while (Math.min(onStream, onConnection) < bytes) await new Promise((resolve) => setTimeout(resolve));
    onStream -= bytes;
    onConnection -= bytes;
    sent += bytes;
    await client.send(many);
  }
  await client.send(data(1, [1, 2], h2.END_STREAM));
  await heard;
  assert.equal(server.calls.length, 1);
});

Deno.test("serve() cancels the calls of a client that goes away", async () => {
  const aborted = Promise.withResolvers<void>(), started = Promise.withResolvers<void>();
  await using server = await serve(async ({ signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    started.resolve();
    await aborted.promise;
    return reply(new Uint8Array(10));
  });
  const client = await RawClient.connect(server.port);
  await client.send(call(1, "/x"));
  await started.promise;
  client.conn.close();
  await aborted.promise;
});

Deno.test("serve() does not run a call that is cancelled with the bytes it came with", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  await client.send(call(1, "/hang"), frameOf(h2.RST_STREAM, 0, 1, uint32(h2.CANCEL)), headers(3));
  await client.settled();
  assert.equal(server.calls.length, 1);
});

Deno.test("serve() takes frames of a stream that is over, and counts their bytes", async () => {
  await using server = await serve(() => Promise.resolve(reply(undefined))); // answers before the body has come
  await using client = await RawClient.connect(server.port);
  await client.send(headers(1));
  assert.equal(await client.resetCode(1), h2.NO_ERROR);
  for (let sent = 0; sent < CONNECTION_WINDOW; sent += 16_384) await client.send(data(1, new Uint8Array(16_384)));
  await client.send(
    headers(1, [["x", "y"]], ENDS),
    windowUpdate(1, 1),
    frameOf(h2.RST_STREAM, 0, 1, uint32(h2.CANCEL)),
    headers(3, requestFields(), ENDS),
  );
  assert.deepEqual((await client.answer(3)).trailers, { "grpc-status": "0" });
});

Deno.test("serve() refuses calls beyond those it told of", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  const open = Array.from({ length: MAX_CALLS }, (_, i) => call(1 + 2 * i, "/hang"));
  await client.send(...open, call(5001, "/1"));
  assert.equal(await client.resetCode(5001), h2.REFUSED_STREAM);
  await client.send(frameOf(h2.RST_STREAM, 0, 1, uint32(h2.CANCEL)), call(5003, "/1"));
  assert.equal((await client.answer(5003)).body.length, 1);
});

Deno.test("serve() refuses headers that are too many, and understands those after them", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  // an entry of the table, then 1 byte each to say it again
  const bomb = Uint8Array.of(
    0x40,
    1,
    0x61,
    0x7f,
    0x81,
    0x1d,
    ...new Uint8Array(3840).fill(0x62),
    ...Array(9000).fill(0xbe),
  );
  await client.send(headers(1, bomb, ENDS));
  assert.equal(await client.resetCode(1), h2.ENHANCE_YOUR_CALM);
  await client.send(headers(3), data(3, [7], h2.END_STREAM));
  assert.deepEqual([...(await client.answer(3)).body], [7]);
});

Deno.test("serve() breaks an answer off when its pieces do", async () => {
  async function* broken() {
    yield new Uint8Array(3);
    await Promise.resolve();
    throw new Error("secret");
  }
  await using server = await serve(() => Promise.resolve(reply(broken())));
  await using client = await RawClient.connect(server.port);
  await client.send(call(1, "/"));
  assert.deepEqual((await client.until(h2.DATA)).payload.length, 3);
  assert.equal(await client.resetCode(1), h2.INTERNAL_ERROR);
});

Deno.test("serve() resets the stream of a handler or of trailers that throw", async () => {
  await using server = await serve((call) => {
    if (call.path === "/a") throw new Error("secret");
    if (call.path === "/b") return Promise.reject(new Error("secret"));
    if (call.path === "/c") {
      return Promise.resolve(reply(undefined, () => {
        throw new Error("secret");
      }));
    }
    return Promise.resolve(reply(Uint8Array.of(1)));
  });
  await using client = await RawClient.connect(server.port);
  for (const [i, path] of ["/a", "/b", "/c"].entries()) {
    await client.send(call(1 + 2 * i, path));
    assert.equal(await client.resetCode(1 + 2 * i), h2.INTERNAL_ERROR);
  }
  await client.send(call(7, "/d"));
  assert.deepEqual([...(await client.answer(7)).body], [1]);
});

Deno.test("serve() answers HEAD without a body", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  const fields = requestFields("/5").map(([name, value]) => [name, name === ":method" ? "HEAD" : value] as const);
  await client.send(headers(1, fields, ENDS));
  assert.equal((await client.answer(1)).body.length, 0);
});
