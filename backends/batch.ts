import type { InferenceRequest, InferenceResponse } from "../core/inference.ts";
import { Status } from "../core/status.ts";
import { elementCount, type Tensor } from "../core/tensor.ts";
import { outputNotScatterable, outputNotSplittable } from "../core/errors/backend.ts";
import { type BatchPlan, lastRow, makeInput, paddedRows, scatter, skipStrings } from "./batch_io.ts";

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
 *
 * @param plan of the model, where its batches are more than rows one after another.
 */
export function gatherInputs(requests: readonly InferenceRequest[], plan?: BatchPlan): BatchInput[] {
  const inputs: BatchInput[] = [];
  const first = requests[0].inputs;
  if (requests.length === 1 && plan === undefined) {
    for (let i = 0; i < first.length; i++) {
      const { name, datatype, shape, data } = first[i];
      inputs.push({ name, datatype, shape, pieces: [data], byteLength: data.byteLength });
    }
    return inputs;
  }
  for (let i = 0; i < first.length; i++) inputs.push(gatherInput(first[i], i, requests, plan));
  if (plan !== undefined) { for (const made of plan.made) inputs.push(makeInput(made, requests)); }
  return inputs;
}

/** @param index of the input in the first request, and most likely in the others. */
function gatherInput(
  first: Tensor,
  index: number,
  requests: readonly InferenceRequest[],
  plan: BatchPlan | undefined,
): BatchInput {
  const { name, datatype, shape } = first;
  const ragged = plan !== undefined && plan.ragged.has(name);
  const pieces: Uint8Array[] = [];
  let rows = 0;
  let elements = 0;
  let byteLength = 0;
  let last = first;
  for (let i = 0; i < requests.length; i++) {
    const { inputs } = requests[i];
    last = inputs[index];
    if (last === undefined || last.name !== name) last = inputs.find((other) => other.name === name)!;
    if (ragged) elements += elementCount(last.shape);
    else if (last.shape.length > 0) rows += last.shape[0];
    byteLength += last.data.byteLength;
    pieces.push(last.data);
  }
  if (ragged) return { name, datatype, shape: [elements], pieces, byteLength };
  if (plan !== undefined && plan.allowedSizes.length > 0) {
    const padded = paddedRows(rows, plan);
    const row = padded > rows ? lastRow(last) : last.data;
    for (; rows < padded; rows++) {
      pieces.push(row);
      byteLength += row.byteLength;
    }
  }
  if (pieces.length === 1) return { name, datatype, shape, pieces, byteLength };
  return { name, datatype, shape: [rows, ...shape.slice(1)], pieces, byteLength };
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
 * @param plan that their inputs were gathered with.
 * @throws Status INTERNAL if an output does not have one row per row of the batch.
 */
export function splitOutputs(
  requests: readonly InferenceRequest[],
  outputs: readonly Tensor[],
  modelName: string,
  modelVersion: string,
  plan?: BatchPlan,
): InferenceResponse[] {
  if (requests.length === 1 && plan === undefined) return [{ modelName, modelVersion, id: requests[0].id, outputs }];
  const parts = outputs.map((output) => splitOutput(output, requests, modelName, plan));
  return requests.map((request, index) => {
    const own: Tensor[] = [];
    for (const part of parts) {
      if (request.outputs.length === 0 || request.outputs.includes(part[index].name)) own.push(part[index]);
    }
    return { modelName, modelVersion, id: request.id, outputs: own };
  });
}

function splitOutput(
  output: Tensor,
  requests: readonly InferenceRequest[],
  modelName: string,
  plan: BatchPlan | undefined,
): Tensor[] {
  const scattered = plan?.scattered.get(output.name);
  if (scattered === undefined) return splitRows(output, requests, modelName, plan);
  const parts = scatter(output, scattered, requests);
  if (parts === undefined) throw outputNotScatterable(output.name, modelName, output.shape, scattered.source);
  return parts;
}

function splitRows(
  output: Tensor,
  requests: readonly InferenceRequest[],
  modelName: string,
  plan: BatchPlan | undefined,
): Tensor[] {
  const { name, datatype, shape, data } = output;
  let rows = 0;
  for (let i = 0; i < requests.length; i++) rows += requests[i].batchSize;
  if (plan !== undefined) rows = paddedRows(rows, plan);
  if (shape[0] !== rows) {
    // One request that was not batched has what the model made of it.
    if (requests.length === 1 && plan?.allowedSizes.length === 0) return [output];
    throw outputNotSplittable(name, modelName, shape, rows);
  }
  const rowShape = shape.slice(1);
  const rowElements = elementCount(rowShape);
  let start = 0;
  return requests.map(({ batchSize }) => {
    const end = datatype === "BYTES"
      ? skipStrings(data, start, batchSize * rowElements)
      : start + (data.byteLength / rows) * batchSize;
    const part = { name, datatype, shape: [batchSize, ...rowShape], data: data.subarray(start, end) };
    start = end;
    return part;
  });
}

/** One error for all requests of a batch, whatever was thrown. */
export function executionError(thrown: unknown): Status {
  return Status.from(thrown, "INTERNAL");
}
