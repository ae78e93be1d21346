import type { InferenceRequest, InferenceResponse } from "../core/inference.ts";
import { Status } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { outputNotSplittable } from "../core/errors/backend.ts";

/** One input of a batch: the requests' pieces in order, and the shape they have together. */
export interface BatchInput {
  readonly name: string;
  readonly datatype: Tensor["datatype"];
  readonly shape: readonly number[];
  readonly pieces: readonly Uint8Array[];
  readonly byteLength: number;
}

/**
 * The inputs of requests that run together, not yet concatenated: who copies them (into shared memory, into a message)
 * copies once. The scheduler has seen to it that all requests have the same inputs and row shapes.
 */
export function gatherInputs(requests: readonly InferenceRequest[]): BatchInput[] {
  const inputs: BatchInput[] = [];
  const first = requests[0].inputs;
  if (requests.length === 1) {
    for (let i = 0; i < first.length; i++) {
      const { name, datatype, shape, data } = first[i];
      inputs.push({ name, datatype, shape, pieces: [data], byteLength: data.byteLength });
    }
    return inputs;
  }
  for (const { name, datatype, shape } of first) {
    let rows = 0;
    let byteLength = 0;
    const pieces: Uint8Array[] = [];
    for (const request of requests) {
      const input = request.inputs.find((other) => other.name === name)!;
      rows += input.shape[0];
      byteLength += input.data.byteLength;
      pieces.push(input.data);
    }
    inputs.push({ name, datatype, shape: [rows, ...shape.slice(1)], pieces, byteLength });
  }
  return inputs;
}

/** The outputs that any of the requests asks for, in the order of `all`; all of them if one request names none. */
export function wantedOutputs(requests: readonly InferenceRequest[], all: readonly string[]): readonly string[] {
  if (requests.some((request) => request.outputs.length === 0)) return all;
  if (requests.length === 1) return all.filter((name) => requests[0].outputs.includes(name));
  const wanted = new Set(requests.flatMap((request) => request.outputs));
  return all.filter((name) => wanted.has(name));
}

/**
 * The response of each request from the outputs of their common execution: rows in order, as views of the outputs.
 *
 * @throws Status INTERNAL if an output does not have one row per row of the batch.
 */
export function splitOutputs(
  requests: readonly InferenceRequest[],
  outputs: readonly Tensor[],
  modelName: string,
  modelVersion: string,
): InferenceResponse[] {
  if (requests.length === 1) return [{ modelName, modelVersion, id: requests[0].id, outputs }];
  const parts = outputs.map((output) => splitRows(output, requests, modelName));
  return requests.map((request, index) => {
    const own: Tensor[] = [];
    for (const part of parts) {
      if (request.outputs.length === 0 || request.outputs.includes(part[index].name)) own.push(part[index]);
    }
    return { modelName, modelVersion, id: request.id, outputs: own };
  });
}

function splitRows(output: Tensor, requests: readonly InferenceRequest[], modelName: string): Tensor[] {
  const { name, datatype, shape, data } = output;
  const rows = requests.reduce((sum, request) => sum + request.batchSize, 0);
  if (shape[0] !== rows) throw outputNotSplittable(name, modelName, shape, rows);
  const rowShape = shape.slice(1);
  let start = 0;
  return requests.map(({ batchSize }) => {
    const end = datatype === "BYTES"
      ? skipStrings(data, start, batchSize * rowShape.reduce((product, dim) => product * dim, 1))
      : start + (data.byteLength / rows) * batchSize;
    const part = { name, datatype, shape: [batchSize, ...rowShape], data: data.subarray(start, end) };
    start = end;
    return part;
  });
}

/** Where `count` serialised strings that begin at `start` end. */
function skipStrings(data: Uint8Array, start: number, count: number): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = start;
  for (let i = 0; i < count; i++) at += 4 + view.getUint32(at, true);
  return at;
}

/** One error for all requests of a batch, whatever was thrown. */
export function executionError(thrown: unknown): Status {
  return Status.from(thrown, "INTERNAL");
}
