import assert from "node:assert/strict";
import * as h2 from "./frames.ts";
import { frameOf, readUint31 } from "./frames.ts";
import { data, headers, RawClient, requestFields, setting, windowUpdate } from "./testing/raw_client.ts";
import { reply, serve } from "./testing/server.ts";

const ENDS = h2.END_HEADERS | h2.END_STREAM;
const call = (stream: number, path: string) => headers(stream, requestFields(path), ENDS);
const NEVER = 60_000;

/** The last stream and the code of a GOAWAY frame. */
async function goAway(client: RawClient): Promise<[lastStream: number, code: number]> {
  const { payload } = await client.until(h2.GOAWAY);
  return [readUint31(payload, 0), readUint31(payload, 4)];
}

/** A server whose calls wait until they are let go. */
async function servePatiently() {
  const release = Promise.withResolvers<void>();
  const server = await serve(async () => {
    await release.promise;
    return reply(Uint8Array.of(7));
  });
  return { server, release: () => release.resolve() };
}

Deno.test("finish() serves what was on its way when the client heard of it, and closes", async () => {
  const { server, release } = await servePatiently();
  await using _ = server;
  await using client = await RawClient.connect(server.port);
  await client.send(call(1, "/a"));
  await client.settled();
  const stopped = server.transport.stop(NEVER);
  assert.deepEqual(await goAway(client), [h2.MAX_WINDOW, h2.NO_ERROR]);
  const ping = await client.until(h2.PING);
  assert.equal(ping.flags, 0);
  await client.send(call(3, "/b"), frameOf(h2.PING, h2.ACK, 0, ping.payload)); // sent before it heard
  assert.deepEqual(await goAway(client), [3, h2.NO_ERROR]);
  await client.send(headers(5, requestFields("/c")), data(5, [1])); // too late: not served, the client knows
  await client.settled();
  release();
  assert.deepEqual([...(await client.answer(1)).body], [7]);
  assert.deepEqual([...(await client.answer(3)).body], [7]);
  assert.deepEqual(await goAway(client), [3, h2.NO_ERROR]);
  assert.equal(await client.next(), undefined);
  client.conn.close();
  await stopped;
  assert.equal(server.calls.length, 2);
});

Deno.test("finish() closes an idle connection when the client has answered, or has not", async () => {
  await using server = await serve();
  await using polite = await RawClient.connect(server.port);
  await using silent = await RawClient.connect(server.port);
  await Promise.all([polite.settled(), silent.settled()]);
  const stopped = server.transport.stop(NEVER);
  const { payload } = await polite.until(h2.PING);
  await polite.send(frameOf(h2.PING, h2.ACK, 0, payload));
  assert.deepEqual(await goAway(polite), [0, h2.NO_ERROR]);
  assert.equal(await polite.next(), undefined);
  assert.deepEqual(await goAway(silent), [h2.MAX_WINDOW, h2.NO_ERROR]);
  assert.deepEqual(await goAway(silent), [0, h2.NO_ERROR]);
  assert.equal(await silent.next(), undefined);
  await stopped;
});

Deno.test("finish() lets a client take a large answer as slowly as it likes", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port, setting(h2.INITIAL_WINDOW_SIZE, 1000));
  await client.send(call(1, "/20000"));
  await client.settled();
  const stopped = server.transport.stop(NEVER);
  const { payload } = await client.until(h2.PING);
  await client.send(frameOf(h2.PING, h2.ACK, 0, payload));
  await goAway(client);
  for (let i = 0; i < 19; i++) {
    await client.send(windowUpdate(1, 1000));
    await client.until(h2.DATA);
  }
  assert.equal((await client.answer(1)).body.length, 20_000);
  client.conn.close();
  await stopped;
});

Deno.test("stop() cancels the calls that outlast it, and closes connections that never said anything", async () => {
  const aborted = Promise.withResolvers<void>();
  const server = await serve(({ signal }) => {
    signal.addEventListener("abort", () => aborted.resolve());
    return new Promise(() => {});
  });
  await using client = await RawClient.connect(server.port);
  await using silent = await RawClient.connect(server.port, false);
  await client.send(call(1, "/"));
  await client.settled();
  await server.transport.stop(0);
  await aborted.promise;
  assert.equal(await silent.next(), undefined);
});

Deno.test("a connection that ends by an error gives its calls up and lets the client hear why", async () => {
  const aborted = Promise.withResolvers<void>();
  await using server = await serve(async ({ signal }) => {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    aborted.resolve();
    return reply(new Uint8Array(10));
  });
  await using client = await RawClient.connect(server.port);
  await client.send(call(1, "/"));
  await client.settled();
  await client.send(frameOf(h2.PING, 0, 1, new Uint8Array(8)), ...Array.from({ length: 100 }, () => data(1, [1])));
  assert.deepEqual(await goAway(client), [1, h2.PROTOCOL_ERROR]);
  assert.equal(await client.next(), undefined);
  await aborted.promise;
});

Deno.test("a connection ends with its last call when the client says goodbye", async () => {
  const { server, release } = await servePatiently();
  await using _ = server;
  await using client = await RawClient.connect(server.port);
  await client.send(call(1, "/a"), frameOf(h2.GOAWAY, 0, 0, [0, 0, 0, 0, 0, 0, 0, 99]));
  await client.settled();
  release();
  assert.deepEqual([...(await client.answer(1)).body], [7]);
  assert.deepEqual(await goAway(client), [1, h2.NO_ERROR]);
  assert.equal(await client.next(), undefined);
  await using idle = await RawClient.connect(server.port);
  await idle.send(frameOf(h2.GOAWAY, 0, 0, new Uint8Array(8)));
  assert.deepEqual(await goAway(idle), [0, h2.NO_ERROR]);
  assert.equal(await idle.next(), undefined);
});
