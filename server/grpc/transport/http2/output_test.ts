import assert from "node:assert/strict";
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, frameOf, HEADERS, PING, RST_STREAM } from "./frames.ts";
import { outputSetup } from "./testing/output_setup.ts";
import { reply } from "./testing/server.ts";

Deno.test("flush() sends what is ready in one write, control frames first", () => {
  const { conn, output, call, ended } = outputSetup();
  call(1).reply(reply(new Uint8Array(10)));
  output.control(frameOf(PING, 0, 0, new Uint8Array(8)));
  call(3).reply(reply(undefined));
  output.flush();
  assert.equal(conn.written.length, 1);
  assert.deepEqual(conn.frames().map(([type, stream, flags]) => [type, stream, flags]), [
    [PING, 0, 0],
    [HEADERS, 1, END_HEADERS],
    [DATA, 1, 0],
    [HEADERS, 1, END_HEADERS | END_STREAM],
    [HEADERS, 3, END_HEADERS],
    [HEADERS, 3, END_HEADERS | END_STREAM],
  ]);
  assert.deepEqual(ended, [1, 3]);
});

Deno.test("flush() ends a stream on the last frame that it has, if there are no trailers", async () => {
  const { conn, output, call } = outputSetup();
  call(1).reply({ ...reply(undefined), trailers: undefined });
  call(3).reply({ ...reply(new Uint8Array(4)), trailers: undefined });
  output.flush();
  await conn.takeAll();
  const last = (id: number) => conn.frames().filter(([, stream]) => stream === id).at(-1)!;
  assert.deepEqual([last(1)[0], last(1)[2]], [HEADERS, END_HEADERS | END_STREAM]);
  assert.deepEqual([last(3)[0], last(3)[2]], [DATA, END_STREAM]);
});

Deno.test("flush() sends with the next write what was added during one", async () => {
  const { conn, output, call } = outputSetup();
  output.control(frameOf(PING, 0, 0, new Uint8Array(8)));
  output.flush();
  call(1).reply(reply(undefined));
  output.flush();
  assert.equal(conn.written.length, 1);
  await conn.take();
  assert.equal(conn.written.length, 2);
  assert.deepEqual(conn.frames(1).map(([, stream]) => stream), [1, 1]);
});

Deno.test("flush() writes what the system did not take at once", async () => {
  const { conn, output } = outputSetup();
  output.control(frameOf(PING, 0, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)));
  output.flush();
  await conn.take(10);
  assert.deepEqual([...conn.written[1]], [2, 3, 4, 5, 6, 7, 8]);
  await conn.take(3);
  assert.deepEqual([...conn.written[2]], [5, 6, 7, 8]);
  await conn.take();
  assert.equal(output.writing, false);
  assert.equal(output.writes, 3);
});

Deno.test("flush() takes turns between large answers", async () => {
  const { conn, output, call, ended } = outputSetup();
  output.window = 1 << 30;
  for (const id of [1, 3]) call(id, 1 << 30).reply(reply(new Uint8Array(1_000_000)));
  call(5).reply(reply(new Uint8Array(10)));
  output.flush();
  await conn.takeAll();
  assert(ended.indexOf(5) === 0, "a small answer waits for large ones");
  const order = conn.frames().filter(([type]) => type === DATA).map(([, stream]) => stream);
  const turns = order.filter((stream, i) => stream !== order[i - 1]);
  assert(turns.filter((stream) => stream === 1).length > 2, `${turns}`);
  const sent = (id: number) =>
    conn.frames().reduce((sum, [type, stream, , length]) => sum + (type === DATA && stream === id ? length : 0), 0);
  assert.deepEqual([sent(1), sent(3), sent(5)], [1_000_000, 1_000_000, 10]);
});

Deno.test("flush() keeps to the client's frame size, headers included", async () => {
  const { conn, output, call } = outputSetup();
  const long: [string, string][] = [["x", "y".repeat(40_000)]];
  call(1).reply({ ...reply(new Uint8Array(40_000)), headers: long });
  output.flush();
  await conn.takeAll();
  assert.deepEqual(conn.frames().map(([type, , flags, length]) => [type, flags, length > 16_384]), [
    [HEADERS, 0, false],
    [CONTINUATION, 0, false],
    [CONTINUATION, END_HEADERS, false],
    [DATA, 0, false],
    [DATA, 0, false],
    [DATA, 0, false],
    [HEADERS, END_HEADERS | END_STREAM, false],
  ]);
  output.setFrameSize(1 << 20);
  call(3).reply(reply(new Uint8Array(25_000)));
  output.flush();
  await conn.takeAll();
  assert.deepEqual(conn.frames().filter(([type, stream]) => type === DATA && stream === 3).map((frame) => frame[3]), [
    25_000,
  ]);
});

Deno.test("flush() asks for the next piece when the one before was sent", async () => {
  const { conn, output, call } = outputSetup();
  let asked = 0;
  const pieces: AsyncIterator<Uint8Array> = {
    next: () => {
      asked++;
      const value = new Uint8Array(asked === 2 ? 0 : 1); // an empty one is passed over
      return Promise.resolve(asked > 3 ? { done: true, value: undefined } : { done: false, value });
    },
  };
  const one = call(1, 0);
  one.reply(reply(pieces));
  output.flush();
  await conn.takeAll();
  assert.equal(asked, 1);
  output.add(one);
  output.flush();
  await conn.takeAll();
  assert.equal(asked, 1, "a piece is asked for while the window is closed");
  one.sendWindow = 10;
  output.add(one);
  output.flush();
  await conn.takeAll();
  output.flush();
  await conn.takeAll();
  assert.equal(asked, 4);
  output.flush();
  assert.deepEqual(conn.frames().at(-1)!.slice(0, 3), [HEADERS, 1, END_HEADERS | END_STREAM]);
});

Deno.test("opened() wakes the calls that wait for the connection's window and no others", async () => {
  const { conn, output, call, ended } = outputSetup();
  output.window = 5;
  const [one, three, five] = [call(1), call(3, 0), call(5)];
  for (const each of [one, three, five]) each.reply(reply(new Uint8Array(4)));
  output.flush();
  await conn.takeAll();
  assert.deepEqual(ended, [1]);
  output.remove(five); // cancelled
  five.cancel();
  output.window = 100;
  output.opened();
  output.flush();
  await conn.takeAll();
  assert.deepEqual(ended, [1]);
  three.sendWindow = 4;
  output.add(three);
  output.flush();
  await conn.takeAll();
  assert.deepEqual(ended, [1, 3]);
  assert.equal(output.window, 96);
});

Deno.test("flush() resets the stream of an answer that broke off", () => {
  const { conn, output, call, ended } = outputSetup();
  const one = call(1);
  one.broken = true;
  output.add(one);
  output.flush();
  assert.deepEqual(conn.frames().map(([type, stream]) => [type, stream]), [[RST_STREAM, 1]]);
  assert.deepEqual(ended, [1]);
});

Deno.test("drained() resolves for all who wait, when everything was taken", async () => {
  const { conn, output } = outputSetup();
  assert.equal(output.drained(), undefined);
  output.control(frameOf(PING, 0, 0, new Uint8Array(8)));
  output.flush();
  let drained = 0;
  for (let i = 0; i < 2; i++) output.drained()!.then(() => drained++);
  output.control(frameOf(PING, 0, 0, new Uint8Array(8)));
  await conn.take();
  assert.equal(drained, 0);
  await conn.take();
  assert.equal(drained, 2);
  assert.equal(output.drained(), undefined);
});

Deno.test("flush() tells once that the connection broke, and who waits for it to be drained", async () => {
  const setup = outputSetup();
  const { conn, output, call } = setup;
  call(1).reply(reply(new Uint8Array(4)));
  output.flush();
  const drained = output.drained();
  await conn.fail();
  await drained;
  assert.equal(setup.broke(), 1);
  output.control(frameOf(PING, 0, 0, new Uint8Array(8)));
  output.flush();
  await conn.fail();
  assert.equal(setup.broke(), 1);
  assert.equal(output.controlBytes, 0);
});

Deno.test("controlBytes counts what a client leaves unread", async () => {
  const { conn, output } = outputSetup();
  const ping = frameOf(PING, 0, 0, new Uint8Array(8));
  output.control(ping);
  output.flush();
  for (let i = 0; i < 100; i++) output.control(ping);
  output.flush();
  assert.equal(output.controlBytes, 100 * ping.length);
  await conn.take();
  assert.equal(output.controlBytes, 0);
});

Deno.test("flush() gives the memory of large pieces back, and of no others", async () => {
  const { conn, output, call } = outputSetup();
  output.window = 1 << 30;
  const whole = new Uint8Array(100_000),
    small = new Uint8Array(1000),
    part = new Uint8Array(200_000).subarray(1, 150_000);
  for (const [i, piece] of [whole, small, part].entries()) call(1 + 2 * i).reply(reply(piece));
  output.flush();
  await conn.takeAll();
  assert.deepEqual([whole.length, small.length, part.length], [0, 1000, 149_999]);
});
