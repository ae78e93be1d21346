import assert from "node:assert/strict";
import { freeMemory, LARGE_BYTES, largeBuffers } from "./memory.ts";

Deno.test("freeMemory() empties views, and minds neither freed nor shared memory", () => {
  const bytes = new Uint8Array(LARGE_BYTES);
  const shared = new SharedArrayBuffer(8);
  freeMemory([bytes.buffer, bytes.buffer, shared]);
  assert.equal(bytes.length, 0);
  assert.equal(shared.byteLength, 8);
});

Deno.test("largeBuffers() lists each large buffer once", () => {
  const large = new Uint8Array(LARGE_BYTES);
  const small = new Uint8Array(8);
  const shared = new Uint8Array(new SharedArrayBuffer(LARGE_BYTES));
  assert.equal(largeBuffers([{ data: small }, { data: shared }]), undefined);
  assert.deepEqual(largeBuffers([{ data: large }, { data: small }, { data: large.subarray(8) }]), [large.buffer]);
});
