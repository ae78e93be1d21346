import assert from "node:assert/strict";
import { gather } from "./gather.ts";
import type { GrpcCall } from "./transport/transport.ts";

interface Source extends GrpcCall {
  /** Sizes of the buffers in which the caller wanted the bytes. */
  readonly wanted: number[];
  /** Ends the body. */
  end(): void;
}

/** A call that puts so many bytes at a time where they are wanted, if it `fills`, and then waits for its end. */
function source(bytes: Uint8Array, atOnce: number, fills: boolean): Source {
  const over = Promise.withResolvers<undefined>();
  const wanted: number[] = [];
  let at = 0;
  return {
    method: "POST",
    path: "/",
    url: "http://localhost/",
    headers: new Headers(),
    signal: new AbortController().signal,
    wanted,
    end: () => over.resolve(undefined),
    read(into) {
      if (into) wanted.push(into.buffer.byteLength);
      if (at === bytes.length) return over.promise;
      const count = Math.min(atOnce, bytes.length - at, fills ? into!.length : Infinity);
      const piece = bytes.slice(at, at += count);
      if (!fills) return Promise.resolve(piece);
      into!.set(piece);
      return Promise.resolve(into!.subarray(0, count));
    },
  };
}

const message = Uint8Array.from({ length: 9_000_000 }, (_, i) => i % 251);

for (const fills of [true, false]) {
  Deno.test(`gather() puts a message together ${fills ? "in its own memory" : "of the transport's pieces"}`, async () => {
    for (const atOnce of [1000, 1 << 20, 100_000_000]) {
      const first = message.subarray(0, 7);
      const whole = await gather(source(message.subarray(7), atOnce, fills), first, message.length);
      assert(whole.length === message.length && whole.every((byte, i) => byte === i % 251), `${atOnce}`);
    }
  });
}

Deno.test("gather() gives what a piece has beyond the message", async () => {
  const whole = await gather(source(message.subarray(3, 100), 50, false), message.subarray(0, 3), 60);
  assert.deepEqual(whole, message.subarray(0, 100));
});

Deno.test("gather() trusts few length prefixes at a time, and again when their messages are over", async () => {
  const first = new Uint8Array(5);
  const waiting = Array.from({ length: 100 }, () => source(new Uint8Array(0), 1, true));
  const gathered = waiting.map((call) => gather(call, first, 100 << 20).catch((error) => error.message));
  const sizes = waiting.map(({ wanted }) => wanted[0]);
  assert.equal(sizes[0], 4 << 20);
  assert.equal(sizes.at(-1), 4096);
  assert(sizes.reduce((sum, size) => sum + size) < 70 << 20);
  const large = gather(source(message, 50_000, true), first, message.length); // as much as comes is taken all the same
  assert.equal((await large).length, message.length);
  for (const call of waiting) call.end();
  for (const error of await Promise.all(gathered)) assert.match(error, /cut off after 5 of/);
  const next = source(new Uint8Array(0), 1, true);
  next.end();
  await assert.rejects(gather(next, first, 100 << 20));
  assert.equal(next.wanted[0], 4 << 20);
});
