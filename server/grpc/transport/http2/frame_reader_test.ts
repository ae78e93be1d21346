import assert from "node:assert/strict";
import { FrameReader } from "./frame_reader.ts";
import { ConnectionError, DATA, frameOf, PING, PREFACE } from "./frames.ts";

/** A connection that brings these pieces, each in as many reads as it takes, and then ends. */
function connOf(pieces: Uint8Array[]): Pick<Deno.Conn, "read"> {
  let left = new Uint8Array(0);
  return {
    read(into) {
      if (left.length === 0) left = pieces.shift()?.slice() ?? left;
      if (left.length === 0) return Promise.resolve(null);
      const count = Math.min(into.length, left.length);
      into.set(left.subarray(0, count));
      left = left.subarray(count);
      return Promise.resolve(count);
    },
  };
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("preface() tells HTTP/2 from others as soon as it can", async () => {
  for (const size of [1, 5, 24, 1000]) {
    const ping = frameOf(PING, 0, 0, new Uint8Array(8));
    const reader = new FrameReader(connOf(cut(joined(PREFACE, ping), size)));
    assert.equal(await reader.preface(), true);
    while (!reader.next()) assert(await reader.fill());
    assert.equal(reader.type, PING);
  }
  for (const other of ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n", "P", "PUT /"]) {
    const reader = new FrameReader(connOf(cut(text(other), 2)));
    assert.equal(await reader.preface(), false);
    assert(other.startsWith(new TextDecoder().decode(reader.rest)));
    assert(reader.rest.length > 0);
  }
  assert.equal(await new FrameReader(connOf([])).preface(), false);
});

Deno.test("next() finds every frame however the connection brings them", async () => {
  const lengths = [0, 1, 16_384, 5, 16_384, 16_384, 9, 10_000, ...Array(50).fill(3), ...Array(30).fill(16_384)];
  const bytes = joined(...lengths.map((length, i) => frameOf(DATA, i & 1, i, new Uint8Array(length).fill(i))));
  for (const size of [777, 8192, 50_000, 1 << 20]) {
    const reader = new FrameReader(connOf(cut(bytes, size)));
    const found: number[] = [];
    do {
      while (reader.next()) {
        assert.deepEqual([reader.type, reader.flags, reader.stream], [DATA, found.length & 1, found.length]);
        const payload = reader.bytes.subarray(reader.start, reader.end);
        assert(payload.every((byte) => byte === found.length));
        found.push(payload.length);
      }
    } while (await reader.fill());
    assert.deepEqual(found, lengths);
  }
});

Deno.test("next() refuses a frame that is too long before it has come", async () => {
  const reader = new FrameReader(connOf([frameOf(DATA, 0, 1, new Uint8Array(16_385)).subarray(0, 9)]));
  await reader.fill();
  assert.throws(() => reader.next(), (error) => error instanceof ConnectionError && error.code === 6);
});

Deno.test("next() leaves the reserved bit of a stream's number out", async () => {
  const reader = new FrameReader(connOf([frameOf(DATA, 0, 0xffff_ffff, [])]));
  await reader.fill();
  assert(reader.next());
  assert.equal(reader.stream, 0x7fff_ffff);
});

Deno.test("fill() says false at the end and when the connection breaks", async () => {
  assert.equal(await new FrameReader(connOf([])).fill(), false);
  assert.equal(await new FrameReader({ read: () => Promise.reject(new Error("broken")) }).fill(), false);
});
