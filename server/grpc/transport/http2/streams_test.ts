import assert from "node:assert/strict";
import * as h2 from "./frames.ts";
import { frameOf } from "./frames.ts";
import { encodeFields } from "./hpack/encoder.ts";
import { data, headers, RawClient, requestFields, setting, uint32, windowUpdate } from "./testing/raw_client.ts";
import { serve } from "./testing/server.ts";

const ENDS = h2.END_HEADERS | h2.END_STREAM;
const block = encodeFields(requestFields());
/** An open stream, whose body has not ended. */
const open1 = headers(1);
/** A call that waits until it is cancelled. */
const hang1 = headers(1, requestFields("/hang"), ENDS);

const without = (name: string) => requestFields().filter(([other]) => other !== name);
const withLength = (length: string) => headers(1, requestFields("/echo", [["content-length", length]]));

/** The code of the RST_STREAM frame that `frames` are answered with, on stream 1. */
const ENDS_STREAM: [what: string, code: number, ...frames: Uint8Array[]][] = [
  ["DATA after its end (5.1)", h2.STREAM_CLOSED, hang1, data(1, [1])],
  [
    "DATA after it was cancelled (5.1)",
    h2.STREAM_CLOSED,
    ...[open1, frameOf(h2.RST_STREAM, 0, 1, uint32(h2.CANCEL)), data(1, [1])],
  ],
  ["HEADERS after its end (5.1)", h2.STREAM_CLOSED, hang1, headers(1, [["x", "y"]], ENDS)],
  ["a WINDOW_UPDATE of nothing (6.9)", h2.PROTOCOL_ERROR, open1, windowUpdate(1, 0)],
  ["a window beyond 2^31-1 (6.9.1)", h2.FLOW_CONTROL_ERROR, open1, windowUpdate(1, 0x7fff_ffff)],
  ["fields after its body that do not end it (8.1)", h2.PROTOCOL_ERROR, open1, headers(1, [["x", "y"]])],
  ["pseudo-fields after its body (8.1)", h2.PROTOCOL_ERROR, open1, headers(1, [[":path", "/"]], ENDS)],
  ["a name in capitals (8.2.1)", h2.PROTOCOL_ERROR, headers(1, requestFields("/echo", [["X-A", "y"]]), ENDS)],
  ["a name without letters (8.2.1)", h2.PROTOCOL_ERROR, headers(1, requestFields("/echo", [["", "y"]]), ENDS)],
  ["a line break in a value (8.2.1)", h2.PROTOCOL_ERROR, headers(1, requestFields("/echo", [["x", "a\r\nb"]]), ENDS)],
  [
    "a field of the connection (8.2.2)",
    h2.PROTOCOL_ERROR,
    headers(1, requestFields("/echo", [["connection", "close"]]), ENDS),
  ],
  ["TE with more than trailers (8.2.2)", h2.PROTOCOL_ERROR, headers(1, [...without("te"), ["te", "gzip"]], ENDS)],
  ["an unknown pseudo-field (8.3)", h2.PROTOCOL_ERROR, headers(1, [[":x", "y"], ...requestFields()], ENDS)],
  ["a pseudo-field of answers (8.3)", h2.PROTOCOL_ERROR, headers(1, [[":status", "200"], ...requestFields()], ENDS)],
  ["a pseudo-field after others (8.3)", h2.PROTOCOL_ERROR, headers(1, [...without(":path"), [":path", "/"]], ENDS)],
  ["two paths (8.3.1)", h2.PROTOCOL_ERROR, headers(1, [[":path", "/"], ...requestFields()], ENDS)],
  ["no method (8.3.1)", h2.PROTOCOL_ERROR, headers(1, without(":method"), ENDS)],
  ["no scheme (8.3.1)", h2.PROTOCOL_ERROR, headers(1, without(":scheme"), ENDS)],
  ["no path (8.3.1)", h2.PROTOCOL_ERROR, headers(1, without(":path"), ENDS)],
  ["an empty path (8.3.1)", h2.PROTOCOL_ERROR, headers(1, requestFields(""), ENDS)],
  ["a path that does not begin with a slash (8.3.1)", h2.PROTOCOL_ERROR, headers(1, requestFields("x"), ENDS)],
  ["less than its content-length (8.1.1)", h2.PROTOCOL_ERROR, withLength("2"), data(1, [1], h2.END_STREAM)],
  [
    "more than its content-length (8.1.1)",
    h2.PROTOCOL_ERROR,
    withLength("2"),
    data(1, [1, 2]),
    data(1, [3], h2.END_STREAM),
  ],
  ["a content-length that is no number (8.1.1)", h2.PROTOCOL_ERROR, withLength("2, 2"), data(1, [1, 2], h2.END_STREAM)],
];

for (const [what, code, ...frames] of ENDS_STREAM) {
  Deno.test(`Streams end a stream with ${what}`, async () => {
    await using server = await serve();
    await using client = await RawClient.connect(server.port);
    await client.send(...frames);
    assert.equal(await client.resetCode(1), code);
    await client.send(headers(3), data(3, [7], h2.END_STREAM)); // the connection goes on
    assert.deepEqual([...(await client.answer(3)).body], [7]);
  });
}

/** Frames that are nothing special: the echo on stream 1 is answered with its body, `[1, 2]`. */
const GOES_ON: [what: string, ...frames: Uint8Array[]][] = [
  ["a body in one frame", open1, data(1, [1, 2], h2.END_STREAM)],
  ["a body in two frames and an empty one", open1, data(1, [1]), data(1, [2]), data(1, [], h2.END_STREAM)],
  ["padding", open1, data(1, [3, 1, 2, 0, 0, 0], h2.PADDED | h2.END_STREAM)],
  ["padding that is all there is", open1, data(1, [1, 2]), data(1, [1, 0], h2.PADDED | h2.END_STREAM)],
  [
    "padded headers with a priority",
    headers(1, Uint8Array.of(2, 0, 0, 0, 0, 9, ...block, 0, 0), h2.END_HEADERS | h2.PADDED | h2.WITH_PRIORITY),
    data(1, [1, 2], h2.END_STREAM),
  ],
  [
    "headers in several frames",
    headers(1, block.subarray(0, 3), 0),
    frameOf(h2.CONTINUATION, 0, 1, block.subarray(3, 3)),
    frameOf(h2.CONTINUATION, h2.END_HEADERS, 1, block.subarray(3)),
    data(1, [1, 2]),
    headers(1, Uint8Array.of(0, 1), h2.END_STREAM),
    frameOf(h2.CONTINUATION, h2.END_HEADERS, 1, [0x78, 1, 0x79]),
  ],
  ["trailers", open1, data(1, [1, 2]), headers(1, [["x", "y"]], ENDS)],
  [
    "frames of unknown types (4.1)",
    frameOf(0x99, 0xff, 5, [1]),
    open1,
    frameOf(0x99, 0, 1, [1]),
    data(1, [1, 2], h2.END_STREAM),
  ],
  [
    "flags without a meaning (4.1)",
    headers(1, block, 0xd2 & ~h2.PADDED | h2.END_HEADERS),
    data(1, [1, 2], 0xf6 | h2.END_STREAM),
  ],
  ["an unknown setting (6.5.2)", frameOf(h2.SETTINGS, 0, 0, setting(0x99, 1)), open1, data(1, [1, 2], h2.END_STREAM)],
  ["a reserved bit (4.1)", open1, data(1 + 0x8000_0000, [1, 2], h2.END_STREAM)],
  ["priorities of any stream", frameOf(h2.PRIORITY, 0, 9, new Uint8Array(5)), open1, data(1, [1, 2], h2.END_STREAM)],
  ["a client's GOAWAY", open1, frameOf(h2.GOAWAY, 0, 0, new Uint8Array(8)), data(1, [1, 2], h2.END_STREAM)],
  ["numbers that were left out", frameOf(h2.PRIORITY, 0, 3, new Uint8Array(5)), open1, data(1, [1, 2], h2.END_STREAM)],
  ["its content-length", withLength("2"), data(1, [1, 2], h2.END_STREAM)],
];

for (const [what, ...frames] of GOES_ON) {
  Deno.test(`Streams answer a call with ${what}`, async () => {
    await using server = await serve();
    await using client = await RawClient.connect(server.port);
    await client.send(...frames);
    const { head, body, trailers } = await client.answer(1);
    assert.equal(head[":status"], "200");
    assert.deepEqual([...body], [1, 2]);
    assert.deepEqual(trailers, { "grpc-status": "0" });
  });
}

Deno.test("Streams answer DATA on a stream that is over for both sides, and not DATA that was on its way", async () => {
  await using server = await serve();
  await using client = await RawClient.connect(server.port);
  await client.send(open1, data(1, [1], h2.END_STREAM));
  await client.answer(1);
  await client.send(data(1, [1]));
  assert.equal(await client.resetCode(1), h2.STREAM_CLOSED);
  await client.send(headers(3, requestFields("x"))); // refused before its body came
  assert.equal(await client.resetCode(3), h2.PROTOCOL_ERROR);
  await client.send(data(3, [1]), data(3, [2], h2.END_STREAM), data(3, [3]), data(3, [4]));
  assert.equal(await client.resetCode(3), h2.STREAM_CLOSED); // for what came after its end
});
