import assert from "node:assert/strict";
import { InferenceRequest } from "../core/inference.ts";
import { whenAllAborted } from "./abort.ts";

function requests(count: number): { controllers: AbortController[]; requests: InferenceRequest[] } {
  const controllers = Array.from({ length: count }, () => new AbortController());
  return {
    controllers,
    requests: controllers.map(({ signal }) => Object.assign(new InferenceRequest("m", ""), { signal })),
  };
}

Deno.test("whenAllAborted() calls back with the last request that is aborted", () => {
  const { controllers: [a, b, c], requests: three } = requests(3);
  a.abort();
  let called = 0;
  whenAllAborted(three, () => called++);
  b.abort();
  assert.equal(called, 0);
  c.abort();
  assert.equal(called, 1);
});

Deno.test("whenAllAborted() calls back where requests share a signal", () => {
  const { controllers: [a], requests: [one] } = requests(1);
  let called = 0;
  whenAllAborted([one, one], () => called++);
  a.abort();
  assert.equal(called, 1);
});

Deno.test("whenAllAborted() calls back at once where all are, never after its end, never where one cannot be", () => {
  let called = 0;
  const count = () => called++;
  const gone = requests(1);
  gone.controllers[0].abort();
  whenAllAborted(gone.requests, count);
  assert.equal(called, 1);
  const ended = requests(1);
  whenAllAborted(ended.requests, count)();
  ended.controllers[0].abort();
  const mixed = requests(1);
  whenAllAborted([...mixed.requests, new InferenceRequest("m", "")], count);
  mixed.controllers[0].abort();
  assert.equal(called, 1);
});
