import assert from "node:assert/strict";
import { InferenceRequest } from "../../core/inference.ts";
import type { Tensor } from "../../core/tensor.ts";
import { RequestKeys } from "./request_key.ts";

function tensor(name: string, bytes: number[], shape = [bytes.length], datatype: Tensor["datatype"] = "UINT8"): Tensor {
  return { name, datatype, shape, data: new Uint8Array(bytes) };
}

function request(change: Partial<InferenceRequest> = {}): InferenceRequest {
  const request = new InferenceRequest("m", "");
  request.inputs = [tensor("A", [1, 2]), tensor("B", [3])];
  return Object.assign(request, change);
}

const keys = new RequestKeys("m", "1", 2);
const key = (change: Partial<InferenceRequest> = {}) => keys.of(request(change), "e");

Deno.test("RequestKeys.of() is the same for requests that differ in nothing the response depends on", () => {
  assert.match(key(), /^[0-9a-f]{64}$/);
  for (
    const change of [
      { id: "other", priority: 3, timeoutMicros: 7, receivedAt: 0, batchSize: 9 },
      { inputs: [tensor("B", [3]), tensor("A", [1, 2])] },
      { outputs: ["X", "Y"] },
      { outputs: ["Y", "X"] },
      { parameters: new Map() },
      { correlationId: "" },
    ]
  ) assert.equal(key(change), key(), JSON.stringify(change));
  assert.equal(
    key({ parameters: new Map<string, string | number>([["a", 1], ["b", "x"]]) }),
    key({ parameters: new Map<string, string | number>([["b", "x"], ["a", 1]]) }),
  );
});

Deno.test("RequestKeys.of() differs where anything does that the response depends on", () => {
  const different: Record<string, string> = {
    base: key(),
    bytes: key({ inputs: [tensor("A", [1, 9]), tensor("B", [3])] }),
    shape: key({ inputs: [tensor("A", [1, 2], [2, 1]), tensor("B", [3])] }),
    datatype: key({ inputs: [tensor("A", [1, 2], [2], "INT8"), tensor("B", [3])] }),
    name: key({ inputs: [tensor("A", [1, 2]), tensor("C", [3])] }),
    "bytes moved to the other input": key({ inputs: [tensor("A", [1]), tensor("B", [2, 3])] }),
    "an input less": key({ inputs: [tensor("A", [1, 2])] }),
    output: key({ outputs: ["X"] }),
    "other output": key({ outputs: ["Y"] }),
    parameter: key({ parameters: new Map([["p", 1]]) }),
    "parameter of another type": key({ parameters: new Map([["p", "1"]]) }),
    "parameter true": key({ parameters: new Map([["p", true]]) }),
    "two parameters": key({ parameters: new Map([["p", 1], ["q", 1]]) }),
    "parameter spelt like two": key({ parameters: new Map([["p", "1;1:q;number1:1"]]) }),
    sequence: key({ correlationId: 5 }),
    "sequence named alike": key({ correlationId: "5" }),
    start: key({ correlationId: 5, sequenceStart: true }),
    end: key({ correlationId: 5, sequenceEnd: true }),
    epoch: keys.of(request(), "f"),
    version: new RequestKeys("m", "2", 2).of(request(), "e"),
    model: new RequestKeys("n", "1", 2).of(request(), "e"),
    "model and version run together": new RequestKeys("m1", "", 2).of(request(), "e"),
  };
  const byKey = Map.groupBy(Object.entries(different), ([, key]) => key);
  assert.deepEqual([...byKey.values()].filter((same) => same.length > 1), []);
});
