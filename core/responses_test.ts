import assert from "node:assert/strict";
import type { InferenceResponse } from "./inference.ts";
import { ResponseStream, UnaryResponse } from "./responses.ts";
import { Status } from "./status.ts";

const response = (id: string, bytes = 0): InferenceResponse => ({
  modelName: "m",
  modelVersion: "1",
  id,
  outputs: bytes === 0 ? [] : [{ name: "o", datatype: "UINT8", shape: [bytes], data: new Uint8Array(bytes) }],
});

Deno.test("UnaryResponse gives its one response, or the error", async () => {
  const good = new UnaryResponse();
  good.respond(response("a"));
  good.finish();
  assert.equal((await good.promise).id, "a");
  const failed = new UnaryResponse();
  failed.respond(response("a"));
  failed.finish(new Status("UNAVAILABLE", "gone"));
  await assert.rejects(failed.promise, { message: "gone" });
  for (const count of [0, 2]) {
    const wrong = new UnaryResponse();
    for (let i = 0; i < count; i++) wrong.respond(response("a"));
    wrong.finish();
    await assert.rejects(wrong.promise, { code: "INTERNAL", message: new RegExp(`exactly 1 response, got ${count}$`) });
  }
});

Deno.test("ResponseStream gives responses as they come, in order, and then the error", async () => {
  const stream = new ResponseStream();
  const got: string[] = [];
  const reading = (async () => {
    for await (const { id } of stream) got.push(id);
  })();
  stream.respond(response("a"));
  stream.respond(response("b"));
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(got, ["a", "b"]);
  stream.respond(response("c"));
  stream.finish(new Status("INTERNAL", "late"));
  await assert.rejects(reading, { message: "late" });
  assert.deepEqual(got, ["a", "b", "c"]);
});

Deno.test("ResponseStream asks to wait when 64 responses or 4 MiB are unread, until half are read", async () => {
  const stream = new ResponseStream();
  for (let i = 0; i < 63; i++) stream.respond(response(String(i)));
  assert.equal(stream.backpressure(), undefined);
  stream.respond(response("63"));
  const room = stream.backpressure();
  assert.ok(room);
  let told = false;
  room.then(() => told = true);
  const reader = stream[Symbol.asyncIterator]();
  for (let i = 0; i < 31; i++) assert.equal((await reader.next()).value.id, String(i));
  assert.equal(told, false);
  await reader.next();
  await room;
  assert.equal(stream.backpressure(), undefined);

  const large = new ResponseStream();
  large.respond(response("a", 4 << 20));
  assert.ok(large.backpressure());
  await large[Symbol.asyncIterator]().next();
  assert.equal(large.backpressure(), undefined);
});

Deno.test("ResponseStream holds nobody back once nobody reads, and takes nothing more", async () => {
  const stream = new ResponseStream();
  for (let i = 0; i < 64; i++) stream.respond(response(""));
  const room = stream.backpressure();
  for await (const _ of stream) break;
  await room;
  stream.respond(response("late"));
  assert.equal(stream.backpressure(), undefined);
  assert.deepEqual(await Array.fromAsync(stream), []);
});
