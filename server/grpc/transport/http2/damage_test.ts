import assert from "node:assert/strict";
import { joinBytes } from "../../../../core/bytes.ts";
import * as h2 from "./frames.ts";
import { frameOf, PREFACE } from "./frames.ts";
import { data, headers, RawClient, requestFields, setting, windowUpdate } from "./testing/raw_client.ts";
import { serve } from "./testing/server.ts";

Deno.test("serve() gets over damaged frames of any kind, and serves other clients", async () => {
  let seed = 11;
  const random = (below: number) => (seed = seed * 48271 % 2147483647) % below;
  const ENDS = h2.END_HEADERS | h2.END_STREAM;
  const whole = joinBytes([
    frameOf(h2.SETTINGS, 0, 0, [...setting(h2.INITIAL_WINDOW_SIZE, 100), ...setting(h2.MAX_FRAME_SIZE, 20_000)]),
    headers(1, requestFields("/echo", [["x", "y".repeat(100)]])),
    data(1, new Uint8Array(300)),
    windowUpdate(1, 50),
    headers(3, requestFields("/5000"), ENDS),
    frameOf(h2.PING, 0, 0, new Uint8Array(8)),
    data(1, [3, 1, 2, 0, 0, 0], h2.PADDED),
    frameOf(h2.SETTINGS, h2.ACK, 0, []),
    headers(1, [["trailer", "z"]], ENDS),
    windowUpdate(0, 1000),
    headers(5, requestFields("/hang")),
    frameOf(h2.RST_STREAM, 0, 5, [0, 0, 0, 8]),
    frameOf(h2.GOAWAY, 0, 0, new Uint8Array(8)),
  ]);
  await using server = await serve();
  for (let round = 0; round < 300; round++) {
    const damaged = whole.slice();
    for (let i = 1 + random(4); i > 0; i--) damaged[random(damaged.length)] = random(256);
    await using client = await RawClient.connect(server.port, false);
    await client.send(PREFACE, damaged.subarray(0, random(2) === 0 ? random(damaged.length) : damaged.length));
    if (random(2) === 0) await client.next();
  }
  await using client = await RawClient.connect(server.port);
  await client.send(headers(1), data(1, [7], h2.END_STREAM));
  assert.deepEqual([...(await client.answer(1)).body], [7]);
});
