import assert from "node:assert/strict";
import { Http2Connection } from "./connection.ts";
import { FrameReader } from "./frame_reader.ts";
import { frameOf, PING, PREFACE, SETTINGS } from "./frames.ts";
import { STALL_MS } from "./limits.ts";
import { reply } from "./testing/server.ts";

/** A connection that brings the same bytes again and again, and whose writes wait. */
class SlowConn {
  reads = 0;
  closed = false;
  #stuck: { taken: () => void; broken: (error: Error) => void }[] = [];
  #first: Uint8Array | undefined;
  #ended = () => {};

  constructor(first: Uint8Array, private readonly again: Uint8Array | undefined) {
    this.#first = first;
  }

  async read(into: Uint8Array): Promise<number | null> {
    await new Promise((resolve) => setTimeout(resolve));
    if (this.closed) return null;
    const bytes = this.#first ?? this.again;
    this.#first = undefined;
    if (bytes === undefined) return await new Promise((resolve) => this.#ended = () => resolve(null));
    this.reads++;
    const whole = bytes === this.again ? into.length - into.length % bytes.length : bytes.length;
    for (let at = 0; at < whole; at += bytes.length) into.set(bytes, at);
    return whole;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#stuck.push({ taken: () => resolve(bytes.length), broken: reject });
    });
  }

  /** The client reads what was written. */
  take(): void {
    for (const { taken } of this.#stuck.splice(0)) taken();
  }

  close(): void {
    this.closed = true;
    this.#ended();
    for (const { broken } of this.#stuck.splice(0)) broken(new Deno.errors.Interrupted("closed"));
  }
}

const hello = Uint8Array.from([...PREFACE, ...frameOf(SETTINGS, 0, 0, [])]);
const ping = frameOf(PING, 0, 0, new Uint8Array(8));

async function connect(conn: SlowConn) {
  const reader = new FrameReader(conn);
  assert(await reader.preface());
  const connection = new Http2Connection(conn as unknown as Deno.Conn, reader, () => Promise.resolve(reply(undefined)));
  return { connection, over: connection.serve() };
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = () => count-- > 0 ? setTimeout(next) : resolve();
    next();
  });
}

Deno.test("serve() reads no further while the client leaves too many answers unread", async () => {
  const conn = new SlowConn(hello, ping);
  const { connection, over } = await connect(conn);
  await turns(100);
  const reads = conn.reads;
  assert(reads < 50, `${reads} reads`);
  await turns(50);
  assert.equal(conn.reads, reads);
  conn.take();
  await turns(20);
  conn.take();
  await turns(20);
  assert(conn.reads > reads, "it does not go on when the client does");
  connection.close();
  await over;
});

Deno.test("lookAfter() closes the connection of a client that takes nothing, not of one that is slow or has nothing to take", async () => {
  const conn = new SlowConn(hello, undefined);
  const { connection, over } = await connect(conn);
  let now = performance.now();
  connection.lookAfter(now); // its settings wait to be taken
  connection.lookAfter(now += STALL_MS - 1);
  conn.take();
  await turns(2);
  connection.lookAfter(now += STALL_MS); // something was taken since
  connection.lookAfter(now += STALL_MS - 1);
  conn.take();
  await turns(2);
  connection.lookAfter(now += 10 * STALL_MS);
  connection.lookAfter(now += 10 * STALL_MS); // nothing waits
  assert.equal(conn.closed, false);
  connection.finish();
  await turns(5);
  connection.lookAfter(now += 1);
  assert.equal(conn.closed, false);
  connection.lookAfter(now += STALL_MS + 1);
  assert.equal(conn.closed, true);
  await over;
});

Deno.test("serve() ends when the connection does while it waits for the client to read", async () => {
  const conn = new SlowConn(hello, ping);
  const { connection, over } = await connect(conn);
  await turns(100);
  connection.close();
  await over;
  assert.equal(conn.closed, true);
});
