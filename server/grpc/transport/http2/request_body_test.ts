import assert from "node:assert/strict";
import { RequestBody } from "./request_body.ts";

class Owner {
  taken = 0;
  consumed(bytes: number): void {
    this.taken += bytes;
  }
}

function bytesFrom(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => first + i);
}

function setup() {
  const owner = new Owner();
  return { owner, body: new RequestBody(owner) };
}

Deno.test("read() gives what came before and what comes after it was asked", async () => {
  const { owner, body } = setup();
  const sent = bytesFrom(0, 3);
  body.receive(sent);
  sent.fill(99); // the memory is the connection's
  assert.equal(owner.taken, 0);
  assert.deepEqual(await body.read(), bytesFrom(0, 3));
  assert.equal(owner.taken, 3);
  const next = body.read();
  body.receive(bytesFrom(7, 2));
  assert.deepEqual(await next, bytesFrom(7, 2));
  assert.equal(owner.taken, 5);
  body.end();
  assert.equal(await body.read(), undefined);
  assert.equal(body.received, 5);
});

Deno.test("read() ends when the body does while it waits", async () => {
  const { body } = setup();
  const next = body.read();
  body.end();
  assert.equal(await next, undefined);
});

Deno.test("read() puts bytes where they are wanted, until that is full", async () => {
  const { owner, body } = setup();
  body.receive(bytesFrom(0, 3));
  const into = new Uint8Array(6);
  const filled = body.read(into);
  assert.equal(owner.taken, 3);
  body.receive(bytesFrom(3, 2));
  assert.equal(owner.taken, 5);
  body.receive(bytesFrom(5, 4)); // more than there is room for
  assert.equal(owner.taken, 6);
  assert.equal(await filled, into);
  assert.deepEqual(into, bytesFrom(0, 6));
  assert.deepEqual(await body.read(), bytesFrom(6, 3));
  assert.equal(owner.taken, 9);
});

Deno.test("read() takes no more of a piece than fits", async () => {
  const { owner, body } = setup();
  body.receive(bytesFrom(0, 10));
  const into = new Uint8Array(4);
  assert.equal(await body.read(into), into);
  assert.deepEqual(into, bytesFrom(0, 4));
  assert.equal(owner.taken, 4);
  body.receive(bytesFrom(10, 1));
  const rest = [...(await body.read())!, ...(await body.read())!];
  assert.deepEqual(rest, [...bytesFrom(4, 7)]);
});

Deno.test("read() gives the part that it has when the body ends before all is filled", async () => {
  const { body } = setup();
  const into = new Uint8Array(8);
  const filled = body.read(into);
  body.receive(bytesFrom(0, 3));
  body.end();
  const part = await filled;
  assert.deepEqual(part, bytesFrom(0, 3));
  assert.equal(part!.buffer, into.buffer);
  assert.equal(await body.read(into), undefined);
});

Deno.test("leave() forgets what was not read and wakes who waits", async () => {
  const { body } = setup();
  body.receive(bytesFrom(0, 3));
  body.receive(bytesFrom(0, 4));
  assert.equal(body.leave(), 7);
  assert.equal(body.leave(), 0);
  assert.equal(await body.read(), undefined);
  const waiting = setup().body;
  const part = waiting.read(new Uint8Array(10));
  waiting.receive(bytesFrom(0, 3));
  waiting.leave();
  assert.equal(await part, undefined);
});

Deno.test("receive() keeps many small pieces in few buffers", async () => {
  const { body } = setup();
  const count = 200_000;
  for (let i = 0; i < count; i++) body.receive(Uint8Array.of(i));
  let reads = 0, memory = 0, at = 0;
  while (at < count) {
    const piece = (await body.read())!;
    for (const byte of piece) assert.equal(byte, at++ & 0xff);
    memory += piece.buffer.byteLength;
    reads++;
  }
  assert(reads < 40, `${reads} pieces`);
  assert(memory < 2 * count, `${memory} bytes`);
});

Deno.test("read() gives every byte once, in order, however it comes and is asked for", async () => {
  let seed = 1;
  const random = (below: number) => (seed = seed * 48271 % 2147483647) % below;
  for (let round = 0; round < 50; round++) {
    const { owner, body } = setup();
    const total = random(100_000);
    const all = Uint8Array.from({ length: total }, () => random(256));
    const got: number[] = [];
    const reader = (async () => {
      for (;;) {
        const bytes = await body.read(random(2) === 0 ? new Uint8Array(1 + random(20_000)) : undefined);
        if (bytes === undefined) return;
        got.push(...bytes);
        if (random(3) === 0) await new Promise((resolve) => setTimeout(resolve));
      }
    })();
    for (let at = 0; at < total;) {
      const end = Math.min(total, at + 1 + random(random(2) === 0 ? 10 : 20_000));
      body.receive(all.subarray(at, end));
      at = end;
      if (random(4) === 0) await Promise.resolve();
    }
    body.end();
    await reader;
    assert.equal(owner.taken, total);
    assert.deepEqual(Uint8Array.from(got), all);
  }
});
