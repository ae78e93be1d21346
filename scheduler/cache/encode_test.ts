import assert from "node:assert/strict";
import type { ParameterValue } from "../../core/inference.ts";
import { decodeResponse, encodeResponse } from "./encode.ts";
import type { CachedResponse } from "./response_cache.ts";

const response: CachedResponse = {
  outputs: [
    { name: "ä", datatype: "FP32", shape: [1, 2], data: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]) },
    { name: "empty", datatype: "BYTES", shape: [0], data: new Uint8Array(0) },
    { name: "scalar", datatype: "BOOL", shape: [], data: new Uint8Array([1]) },
  ],
  parameters: new Map<string, ParameterValue>([["n", 1.5], ["big", 2n ** 60n], ["t", "x"], ["f", false]]),
};

Deno.test("decodeResponse() gives back what encodeResponse() was given", () => {
  assert.deepEqual(decodeResponse(encodeResponse(response)), response);
  const plain: CachedResponse = { outputs: [], parameters: undefined };
  assert.deepEqual(decodeResponse(encodeResponse(plain)), plain);
});

Deno.test("decodeResponse() gives back a response that lies anywhere in a buffer", () => {
  const bytes = encodeResponse(response);
  const longer = new Uint8Array(bytes.byteLength + 5);
  longer.set(bytes, 3);
  assert.deepEqual(decodeResponse(longer.subarray(3, 3 + bytes.byteLength)), response);
});

Deno.test("decodeResponse() takes nothing that was damaged or written by others", () => {
  const bytes = encodeResponse(response);
  for (let length = 0; length < bytes.byteLength; length++) {
    assert.equal(decodeResponse(bytes.subarray(0, length)), undefined, `cut to ${length}`);
  }
  assert.equal(decodeResponse(new Uint8Array([...bytes, 0])), undefined);
  assert.equal(decodeResponse(new TextEncoder().encode("something else entirely")), undefined);
  const other = bytes.slice();
  other[3]++;
  assert.equal(decodeResponse(other), undefined);
});
