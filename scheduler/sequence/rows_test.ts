import { create } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { InferenceRequest, type ResponseSink } from "../../core/inference.ts";
import { ModelSequenceBatchingSchema } from "../../proto/gen/model_config_pb.ts";
import { ControlTensors } from "./controls.ts";
import { RowRequests } from "./rows.ts";
import { Sequence, SequenceTask } from "./sequence.ts";
import { ALL_CONTROLS } from "./testing.ts";

const controls = new ControlTensors(create(ModelSequenceBatchingSchema, { controlInput: ALL_CONTROLS }), 4);
const SINK: ResponseSink = { respond() {}, finish() {} };

/** The second request of sequence 7, with an input that is a view of memory of its own. */
function task(): SequenceTask {
  const request = new InferenceRequest("m", "1");
  request.id = "r";
  request.outputs = ["OUT"];
  request.memory = new ArrayBuffer(16);
  request.inputs = [{ name: "IN", datatype: "INT32", shape: [1, 2], data: new Uint8Array(request.memory, 8) }];
  return new SequenceTask(request, SINK, 0, new Sequence(7, undefined), false, 1);
}

Deno.test("RowRequests hands on what a request brings, its memory too, with the control tensors after its inputs", () => {
  const real = task();
  const [made] = new RowRequests(controls, ["OUT", "OTHER"]).of([real]);
  assert.equal(made.memory, real.request.memory);
  assert.equal(made.inputs[0], real.request.inputs[0]);
  assert.deepEqual([made.id, made.outputs, made.correlationId], ["r", ["OUT"], 7]);
  assert.deepEqual(made.inputs.map(({ name }) => name), ["IN", "START", "END", "READY", "CORRID"]);
});

Deno.test("RowRequests makes rows of zeros that have no memory to give back where there is no request", () => {
  const real = task();
  new Uint8Array(real.request.memory!).fill(9);
  const [, empty] = new RowRequests(controls, ["OUT"]).of([real, undefined]);
  assert.equal(empty.memory, undefined);
  assert.deepEqual(empty.inputs.map(({ name, data }) => [name, [...data].every((byte) => byte === 0)]), [
    ["IN", true],
    ["START", true],
    ["END", true],
    ["READY", true],
    ["CORRID", true],
  ]);
  assert.deepEqual(empty.inputs[0].shape, [1, 2]);
});
