import assert from "node:assert/strict";
import type { GrpcHandler } from "../transport.ts";
import { ConnectionError, FLOW_CONTROL_ERROR, readUint31, WINDOW_UPDATE } from "./frames.ts";
import { CONNECTION_WINDOW, STREAM_WINDOW } from "./limits.ts";
import { Streams } from "./streams.ts";
import { requestFields } from "./testing/raw_client.ts";
import { bodyOf, reply } from "./testing/server.ts";

const PIECE = new Uint8Array(16_000);

/** Streams whose client keeps to the window of the connection, and knows how much it may still send. */
class Setup {
  /** Bytes that the client may send on all streams together. */
  allowed = CONNECTION_WINDOW;
  readonly streams: Streams;
  #stream = -1;

  constructor(handler: GrpcHandler) {
    const write = (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length;) {
        const length = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
        if (bytes[at + 3] === WINDOW_UPDATE && readUint31(bytes, at + 5) === 0) {
          this.allowed += readUint31(bytes, at + 9);
        }
        at += 9 + length;
      }
      return Promise.resolve(bytes.length);
    };
    this.streams = new Streams({ write }, handler, () => {}, () => {});
  }

  open(): number {
    this.#stream += 2;
    const fields = requestFields().map(([name, value]) => ({ name, value, good: undefined }));
    this.streams.fields(this.#stream, false, { fields, tooLarge: false });
    this.streams.start();
    return this.#stream;
  }

  /** Sends a piece, with padding. */
  send(stream: number, padding = 0): void {
    this.allowed -= PIECE.length + padding;
    assert(this.allowed >= 0, "the server does not open the window of the connection");
    this.streams.data(stream, PIECE, PIECE.length + padding, false);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve));
  }
}

const unread: GrpcHandler = () => new Promise(() => {});
const FILLS = Math.floor(STREAM_WINDOW / PIECE.length);

/** Ways in which bodies go that nobody reads; each for as many bytes as one stream takes. */
const GOES: [what: string, handler: GrpcHandler, go: (setup: Setup) => Promise<void>][] = [
  ["that were read", async (call) => reply(await bodyOf(call)), async (setup) => {
    const stream = setup.open();
    for (let i = 0; i < FILLS; i++) {
      setup.send(stream);
      if (i % 20 === 0) await setup.turn();
    }
    setup.streams.cancel(stream);
  }],
  ["of padding", async (call) => reply(await bodyOf(call)), async (setup) => {
    const stream = setup.open();
    for (let i = 0; i < FILLS; i++) {
      setup.send(stream, 256);
      if (i % 20 === 0) await setup.turn();
    }
    setup.streams.cancel(stream);
  }],
  ["of a call that is cancelled", unread, async (setup) => {
    const stream = setup.open();
    for (let i = 0; i < FILLS; i++) setup.send(stream);
    setup.streams.cancel(stream);
    await setup.turn();
  }],
  ["of a call that is answered without them", () => setupReply.promise, async (setup) => {
    const stream = setup.open();
    for (let i = 0; i < FILLS; i++) setup.send(stream);
    setupReply.resolve(reply(undefined));
    await setup.turn();
    setupReply = Promise.withResolvers();
  }],
  ["that come after their call", () => Promise.resolve(reply(undefined)), async (setup) => {
    const stream = setup.open();
    await setup.turn();
    for (let i = 0; i < FILLS; i++) setup.send(stream);
    await setup.turn();
  }],
];
let setupReply = Promise.withResolvers<ReturnType<typeof reply>>();

for (const [what, handler, go] of GOES) {
  Deno.test(`Streams open the window of the connection again by bytes ${what}`, async () => {
    const setup = new Setup(handler);
    for (let sent = 0; sent < 3 * CONNECTION_WINDOW; sent += STREAM_WINDOW) await go(setup);
    assert(setup.allowed <= CONNECTION_WINDOW, "it opens further than it was");
  });
}

Deno.test("Streams count padding against the window of the connection", () => {
  const setup = new Setup(unread);
  const refused = (error: unknown) => error instanceof ConnectionError && error.code === FLOW_CONTROL_ERROR;
  assert.throws(() => setup.streams.data(setup.open(), new Uint8Array(1), CONNECTION_WINDOW + 1, false), refused);
});
