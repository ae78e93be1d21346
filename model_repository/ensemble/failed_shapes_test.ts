import assert from "node:assert/strict";
import { ManualClock } from "../../core/clock.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { vector } from "../testing/repository_fixture.ts";
import { FailedShapes } from "./failed_shapes.ts";

function request(...values: number[]): InferenceRequest {
  const request = new InferenceRequest("m", "");
  request.inputs = [vector(...values)];
  return request;
}

Deno.test("FailedShapes remembers a shape for a minute, whatever the values", () => {
  const clock = new ManualClock();
  const shapes = new FailedShapes(clock);
  assert.equal(shapes.has(request(1)), false);
  shapes.add(request(1));
  assert.deepEqual([shapes.has(request(2)), shapes.has(request(1, 2))], [true, false]);
  clock.advance(59_999);
  assert.equal(shapes.has(request(1)), true);
  clock.advance(1);
  assert.equal(shapes.has(request(1)), false);
});

Deno.test("FailedShapes forgets all when there are too many", () => {
  const shapes = new FailedShapes(new ManualClock());
  for (let columns = 1; columns <= 1024; columns++) shapes.add(request(...Array(columns).fill(0)));
  assert.equal(shapes.has(request(1)), true);
  shapes.add(request(...Array(1025).fill(0)));
  assert.equal(shapes.has(request(1)), false);
});
