import assert from "node:assert/strict";
import * as h2 from "./frames.ts";
import { frameOf, PREFACE } from "./frames.ts";
import { encodeFields } from "./hpack/encoder.ts";
import { data, headers, RawClient, requestFields, setting, uint32, windowUpdate } from "./testing/raw_client.ts";
import { serve } from "./testing/server.ts";

const NO_BYTES = new Uint8Array(0);
const ENDS = h2.END_HEADERS | h2.END_STREAM;
const block = encodeFields(requestFields());
const hello = frameOf(h2.SETTINGS, 0, 0, []);
/** An open stream, whose body has not ended. */
const open1 = headers(1);
/** A call that waits until it is cancelled. */
const hang1 = headers(1, requestFields("/hang"), ENDS);

/** The code of the GOAWAY frame that `frames` are answered with. */
const ENDS_CONNECTION: [what: string, code: number, ...frames: Uint8Array[]][] = [
  ["a first frame that is not SETTINGS (3.4)", h2.PROTOCOL_ERROR, PREFACE, frameOf(h2.PING, 0, 0, new Uint8Array(8))],
  [
    "a first frame that only acknowledges SETTINGS (3.4)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    frameOf(h2.SETTINGS, h2.ACK, 0, []),
  ],
  ["a frame that is too long (4.2)", h2.FRAME_SIZE_ERROR, PREFACE, hello, headers(1), data(1, new Uint8Array(16_385))],
  [
    "a header block that cannot be decoded (4.3)",
    h2.COMPRESSION_ERROR,
    PREFACE,
    hello,
    headers(1, Uint8Array.of(0xff, 0xff)),
  ],
  [
    "another frame within a header block (4.3)",
    h2.PROTOCOL_ERROR,
    ...[PREFACE, hello, headers(1, block, 0), frameOf(h2.PRIORITY, 0, 3, new Uint8Array(5))],
  ],
  [
    "an unknown frame within a header block (5.5)",
    h2.PROTOCOL_ERROR,
    ...[PREFACE, hello, headers(1, block, 0), frameOf(0x99, 0, 1, [])],
  ],
  [
    "CONTINUATION of another stream (6.10)",
    h2.PROTOCOL_ERROR,
    ...[PREFACE, hello, headers(1, block, 0), frameOf(h2.CONTINUATION, h2.END_HEADERS, 3, [])],
  ],
  [
    "CONTINUATION of a complete header block (6.10)",
    h2.PROTOCOL_ERROR,
    ...[PREFACE, hello, headers(1), frameOf(h2.CONTINUATION, h2.END_HEADERS, 1, [])],
  ],
  [
    "CONTINUATION of nothing (6.10)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    hello,
    frameOf(h2.CONTINUATION, h2.END_HEADERS, 1, []),
  ],
  ["DATA on an idle stream (5.1)", h2.PROTOCOL_ERROR, PREFACE, hello, data(1, [1])],
  ["RST_STREAM on an idle stream (5.1)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.RST_STREAM, 0, 1, uint32(8))],
  ["WINDOW_UPDATE on an idle stream (5.1)", h2.PROTOCOL_ERROR, PREFACE, hello, windowUpdate(1, 1)],
  ["a stream with an even number (5.1.1)", h2.PROTOCOL_ERROR, PREFACE, hello, headers(2)],
  ["a stream with a lower number than before (5.1.1)", h2.PROTOCOL_ERROR, PREFACE, hello, headers(5), headers(3)],
  ["DATA without a stream (6.1)", h2.PROTOCOL_ERROR, PREFACE, hello, data(0, [1])],
  [
    "DATA with more padding than payload (6.1)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    hello,
    open1,
    data(1, [4, 0, 0, 0], h2.PADDED),
  ],
  ["DATA without the length of its padding (6.1)", h2.PROTOCOL_ERROR, PREFACE, hello, open1, data(1, [], h2.PADDED)],
  ["HEADERS without a stream (6.2)", h2.PROTOCOL_ERROR, PREFACE, hello, headers(0)],
  [
    "HEADERS with more padding than payload (6.2)",
    h2.PROTOCOL_ERROR,
    ...[PREFACE, hello, headers(1, Uint8Array.of(200, ...block), h2.END_HEADERS | h2.PADDED)],
  ],
  [
    "HEADERS without the priority they promise (6.2)",
    h2.FRAME_SIZE_ERROR,
    ...[PREFACE, hello, headers(1, Uint8Array.of(1, 2), h2.END_HEADERS | h2.WITH_PRIORITY)],
  ],
  ["PRIORITY without a stream (6.3)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.PRIORITY, 0, 0, new Uint8Array(5))],
  ["PRIORITY of another length than 5 (6.3)", h2.FRAME_SIZE_ERROR, PREFACE, hello, frameOf(h2.PRIORITY, 0, 1, [1, 2])],
  ["RST_STREAM without a stream (6.4)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.RST_STREAM, 0, 0, uint32(8))],
  [
    "RST_STREAM of another length than 4 (6.4)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    hello,
    open1,
    frameOf(h2.RST_STREAM, 0, 1, [8]),
  ],
  ["SETTINGS on a stream (6.5)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.SETTINGS, 0, 1, [])],
  [
    "SETTINGS of a length that is no multiple of 6 (6.5)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    frameOf(h2.SETTINGS, 0, 0, [0, 1]),
  ],
  [
    "an acknowledgement of SETTINGS that has some (6.5)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    hello,
    frameOf(h2.SETTINGS, h2.ACK, 0, [1]),
  ],
  ["SETTINGS_ENABLE_PUSH of 2 (6.5.2)", h2.PROTOCOL_ERROR, PREFACE, frameOf(h2.SETTINGS, 0, 0, setting(2, 2))],
  [
    "SETTINGS_INITIAL_WINDOW_SIZE of 2^31 (6.5.2)",
    h2.FLOW_CONTROL_ERROR,
    PREFACE,
    frameOf(h2.SETTINGS, 0, 0, setting(4, 2 ** 31)),
  ],
  [
    "a SETTINGS_INITIAL_WINDOW_SIZE of 2^31 beside one that is not (6.5.2)",
    h2.FLOW_CONTROL_ERROR,
    ...[PREFACE, frameOf(h2.SETTINGS, 0, 0, [...setting(4, 2 ** 31), ...setting(4, 1)])],
  ],
  [
    "SETTINGS_MAX_FRAME_SIZE of 16,383 (6.5.2)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    frameOf(h2.SETTINGS, 0, 0, setting(5, 16_383)),
  ],
  [
    "SETTINGS_MAX_FRAME_SIZE of 2^24 (6.5.2)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    frameOf(h2.SETTINGS, 0, 0, setting(5, 2 ** 24)),
  ],
  [
    "PUSH_PROMISE of a client (8.4)",
    h2.PROTOCOL_ERROR,
    PREFACE,
    hello,
    open1,
    frameOf(h2.PUSH_PROMISE, 4, 1, uint32(2)),
  ],
  ["PING on a stream (6.7)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.PING, 0, 1, new Uint8Array(8))],
  [
    "PING of another length than 8 (6.7)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    hello,
    frameOf(h2.PING, 0, 0, new Uint8Array(7)),
  ],
  ["GOAWAY on a stream (6.8)", h2.PROTOCOL_ERROR, PREFACE, hello, frameOf(h2.GOAWAY, 0, 1, new Uint8Array(8))],
  [
    "GOAWAY of less than 8 bytes (6.8)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    hello,
    frameOf(h2.GOAWAY, 0, 0, new Uint8Array(7)),
  ],
  ["a WINDOW_UPDATE of nothing on the connection (6.9)", h2.PROTOCOL_ERROR, PREFACE, hello, windowUpdate(0, 0)],
  [
    "WINDOW_UPDATE of another length than 4 (6.9)",
    h2.FRAME_SIZE_ERROR,
    PREFACE,
    hello,
    frameOf(h2.WINDOW_UPDATE, 0, 0, [1]),
  ],
  ["a connection's window beyond 2^31-1 (6.9.1)", h2.FLOW_CONTROL_ERROR, PREFACE, hello, windowUpdate(0, 0x7fff_ffff)],
  [
    "SETTINGS that open a stream's window beyond 2^31-1 (6.9.2)",
    h2.FLOW_CONTROL_ERROR,
    ...[PREFACE, hello, hang1, windowUpdate(1, 1000), frameOf(h2.SETTINGS, 0, 0, setting(4, 0x7fff_ffff))],
  ],
  [
    "a header block of more than 64 KiB",
    h2.ENHANCE_YOUR_CALM,
    ...[PREFACE, hello, headers(1, new Uint8Array(16_384), 0)],
    ...Array.from({ length: 4 }, () => frameOf(h2.CONTINUATION, 0, 1, new Uint8Array(16_384))),
  ],
  [
    "a header block in very many frames",
    h2.ENHANCE_YOUR_CALM,
    ...[
      PREFACE,
      hello,
      headers(1, NO_BYTES, 0),
      ...Array.from({ length: 100 }, () => frameOf(h2.CONTINUATION, 0, 1, [])),
    ],
  ],
  [
    "a flood of frames without bytes",
    h2.ENHANCE_YOUR_CALM,
    ...[
      PREFACE,
      hello,
      open1,
      ...Array.from({ length: 1100 }, (_, i) => data(1, i % 2 ? [] : [0], i % 2 ? 0 : h2.PADDED)),
    ],
  ],
];

for (const [what, code, ...frames] of ENDS_CONNECTION) {
  Deno.test(`Dispatch ends a connection with ${what}`, async () => {
    await using server = await serve();
    await using client = await RawClient.connect(server.port, false);
    await client.send(...frames);
    assert.equal(await client.goAwayCode(), code);
    // and no other connection does
    await using another = await RawClient.connect(server.port);
    await another.send(headers(1), data(1, [7], h2.END_STREAM));
    assert.deepEqual([...(await another.answer(1)).body], [7]);
  });
}
