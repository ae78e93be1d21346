import { DATA_TYPES, type DataType, ELEMENT_SIZE } from "../core/data_type.ts";
import type { InferenceRequest } from "../core/inference.ts";
import { elementCount, type Tensor } from "../core/tensor.ts";
import { BatchInput_Kind as Kind, type ModelConfig } from "../proto/gen/model_config_pb.ts";
import { allowedBatchSizes } from "./allowed_batch_sizes.ts";
import type { BatchInput } from "./batch.ts";

/** An input that is made for each batch from the shapes of another one: `batch_input`. */
export interface MadeInput {
  readonly kind: Kind;
  readonly name: string;
  readonly datatype: DataType;
  readonly source: string;
}

/** An output that is one vector for the whole batch, cut by the shapes of an input: `batch_output`. */
export interface ScatteredOutput {
  readonly source: string;
  /** Full shape as configured; what is -1 is taken from the input. */
  readonly shape: readonly number[];
}

/**
 * In what batches of a model are more than the rows of their requests, one after another. Made once, from its
 * configuration.
 */
export interface BatchPlan {
  /** Inputs that are one vector for the whole batch, whatever the shapes in the requests. */
  readonly ragged: ReadonlySet<string>;
  readonly made: readonly MadeInput[];
  readonly scattered: ReadonlyMap<string, ScatteredOutput>;
  /** Rows are added up to the next of these sizes, ascending; empty to run batches as they are. */
  readonly allowedSizes: readonly number[];
}

/**
 * The plan of a completed configuration; undefined for the many models whose batches are just rows.
 *
 * @throws Status INVALID_ARGUMENT for allowed batch sizes that make no sense.
 */
export function batchPlanOf(config: ModelConfig): BatchPlan | undefined {
  const batching = config.maxBatchSize > 0;
  const plan = {
    ragged: new Set(config.input.filter((input) => batching && input.allowRaggedBatch).map(({ name }) => name)),
    made: config.batchInput.flatMap(({ kind, targetName, dataType, sourceInput }) =>
      targetName.map((name) => ({ kind, name, datatype: DATA_TYPES[dataType]!, source: sourceInput[0] }))
    ),
    scattered: new Map(
      config.batchOutput.flatMap(({ targetName, sourceInput }) =>
        targetName.map((name): [string, ScatteredOutput] => {
          const dims = config.output.find((output) => output.name === name)?.dims.map(Number) ?? [];
          return [name, { source: sourceInput[0], shape: batching ? [-1, ...dims] : dims }];
        })
      ),
    ),
    allowedSizes: allowedBatchSizes(config) ?? [],
  };
  const { ragged, made, scattered, allowedSizes } = plan;
  return ragged.size + made.length + scattered.size + allowedSizes.length > 0 ? plan : undefined;
}

/** Rows that a batch of so many is executed with. */
export function paddedRows(rows: number, { allowedSizes }: BatchPlan): number {
  for (let i = 0; i < allowedSizes.length; i++) if (allowedSizes[i] >= rows) return allowedSizes[i];
  return rows;
}

/** An input of a batch, from the shapes that its source has in the requests. */
export function makeInput(
  { kind, name, datatype, source }: MadeInput,
  requests: readonly InferenceRequest[],
): BatchInput {
  const shapes = requests.map(({ inputs }) => inputs.find((input) => input.name === source)?.shape);
  const { values, shape } = contentsOf(kind, shapes);
  const data = datatype === "FP32" ? Float32Array.from(values) : Int32Array.from(values);
  const piece = new Uint8Array(data.buffer);
  return { name, datatype, shape: shape ?? [values.length], pieces: [piece], byteLength: piece.byteLength };
}

/** @param shapes of the source, batch dimension included; undefined where a request has none. */
function contentsOf(
  kind: Kind,
  shapes: readonly (readonly number[] | undefined)[],
): { readonly values: readonly number[]; readonly shape?: readonly number[] } {
  const counts = shapes.map((shape) => shape ? elementCount(shape) : 0);
  switch (kind) {
    case Kind.BATCH_ELEMENT_COUNT:
      return { values: counts };
    case Kind.BATCH_ACCUMULATED_ELEMENT_COUNT:
      return { values: sums(counts) };
    case Kind.BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO:
      return { values: [0, ...sums(counts)] };
    case Kind.BATCH_MAX_ELEMENT_COUNT_AS_SHAPE:
      return { values: new Array(Math.max(0, ...counts)).fill(0) };
    case Kind.BATCH_ITEM_SHAPE: {
      const items = itemShapes(shapes);
      return { values: items.flat(), shape: [items.length, items[0]?.length ?? 0] };
    }
    case Kind.BATCH_ITEM_SHAPE_FLATTEN:
      return { values: itemShapes(shapes).flat() };
  }
}

function sums(counts: readonly number[]): number[] {
  let sum = 0;
  return counts.map((count) => sum += count);
}

/** The shape of every row, without the batch dimension. */
function itemShapes(shapes: readonly (readonly number[] | undefined)[]): (readonly number[])[] {
  return shapes.flatMap((shape) => {
    if (!shape) return [];
    const [rows, ...item] = shape;
    return Array.from({ length: rows }, () => item);
  });
}

/** The part of each request in an output that is one vector. The vector may be longer: the rest belongs to nobody. */
export function scatter(
  output: Tensor,
  { source, shape }: ScatteredOutput,
  requests: readonly InferenceRequest[],
): Tensor[] | undefined {
  const { name, datatype, data } = output;
  const parts: Tensor[] = [];
  let start = 0;
  for (const { inputs } of requests) {
    const from = inputs.find((input) => input.name === source)?.shape ?? [];
    const own = shape.map((dim, i) => dim === -1 ? from[i] ?? 1 : dim);
    const end = datatype === "BYTES"
      ? skipStrings(data, start, elementCount(own))
      : start + ELEMENT_SIZE[datatype] * elementCount(own);
    if (end > data.byteLength) return undefined;
    parts.push({ name, datatype, shape: own, data: data.subarray(start, end) });
    start = end;
  }
  return parts;
}

/** The last of `rows` rows. */
export function lastRow({ datatype, shape, data }: Tensor): Uint8Array {
  const rows = shape[0];
  if (datatype !== "BYTES") return data.subarray(data.byteLength - data.byteLength / rows);
  return data.subarray(skipStrings(data, 0, elementCount(shape) / rows * (rows - 1)));
}

/** Where `count` serialised strings that begin at `start` end; past the end of the data if there are fewer. */
export function skipStrings(data: Uint8Array, start: number, count: number): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 4 > data.byteLength) return Infinity;
    at += 4 + view.getUint32(at, true);
  }
  return at;
}
