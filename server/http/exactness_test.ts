import assert from "node:assert/strict";
import type { DataType } from "../../core/data_type.ts";
import { Status } from "../../core/status.ts";
import { identityModel } from "../testing/fake_repository.ts";
import { readInferRequest } from "./infer_request.ts";

const SAMPLES: Readonly<Partial<Record<DataType, string>>> = {
  BOOL: "[true,false]",
  UINT8: "[1,255]",
  INT32: "[1,[2]]",
  INT64: "[9007199254740993,-1]",
  FP16: "[1.0,2]",
  FP32: "[1.5,NaN]",
  FP64: "[1e300,-0.0]",
  BYTES: '["a:b","\\u00e9\\ud83d\\ude00"]',
};
const FRAGMENTS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "1",
  "-",
  "1.0",
  "1e5",
  "1e400",
  "null",
  "NaN",
  "\\",
  "\\ud800",
  "é",
  " ",
];
const KEYS = ['"id":"x",', '"shape":[2.0],', '"data":[1],', '"parameters":{"binary_data_size":0},', '"name":7,'];

/** Numbers below a bound, the same in every run (mulberry32). */
function generator(seed: number): (bound: number) => number {
  return (bound) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

function mutated(text: string, random: (bound: number) => number): string {
  for (let edits = random(3); edits > 0; edits--) {
    const at = random(text.length);
    const fragment = FRAGMENTS[random(FRAGMENTS.length)];
    const key = text.indexOf('"', at);
    switch (random(3)) {
      case 0:
        text = text.slice(0, at) + fragment + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + 1 + random(6));
        break;
      default:
        if (key !== -1) text = text.slice(0, key) + KEYS[random(KEYS.length)] + text.slice(key);
    }
  }
  return text;
}

/** What reading a request gives: it, or the error. */
function outcome(datatype: DataType, text: string): unknown {
  const body = new TextEncoder().encode(text);
  try {
    const call = readInferRequest(identityModel("m", datatype), "", body, body.length, 1e6);
    call.request.receivedAt = 0;
    return call;
  } catch (error) {
    assert.ok(error instanceof Status, String(error));
    assert.ok(error.httpStatus < 500, error.message);
    return `${error.httpStatus} ${error.message}`;
  }
}

Deno.test("readInferRequest() gives the same by the native parser as by the exact one", () => {
  const random = generator(20);
  const types = Object.keys(SAMPLES) as DataType[];
  let read = 0;
  for (let i = 0; i < 3000; i++) {
    const datatype = types[random(types.length)];
    const custom = ["1", "1.0", '"s"', "9007199254740993", "2.5"][random(5)];
    const text = mutated(
      `{"id":"q","parameters":{"sequence_id":${random(10)},"x":${custom}},"inputs":[{"name":"INPUT0","shape":[2],` +
        `"datatype":"${datatype}","data":${SAMPLES[datatype]}}],"outputs":[{"name":"OUTPUT0"}]}`,
      random,
    );
    const native = outcome(datatype, text);
    // A NUL ends a document, and only the exact parser knows that.
    assert.deepEqual(native, outcome(datatype, `${text}\0`), text);
    if (typeof native !== "string") read++;
  }
  assert.ok(read > 500 && read < 2500, `${read} of 3000 were read`);
});
