import type { DataType } from "../../../core/data_type.ts";
import { encodeBytes } from "../../../core/tensor.ts";
import type { WorkerTensor } from "../../worker/protocol.ts";

/** A typed array that ONNX Runtime takes or gives. */
export type NumericArray = ArrayBufferView<ArrayBufferLike>;

type NumericArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumericArray;

/** How ONNX Runtime's JavaScript interface spells a datatype. */
export const ORT_TYPE: Readonly<Record<DataType, string>> = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
  BF16: "bfloat16",
};

const DATATYPE_OF: ReadonlyMap<string, DataType> = new Map(
  Object.entries(ORT_TYPE).map(([datatype, type]) => [type, datatype as DataType]),
);

/**
 * The array class that the native binding checks for. FP16 travels as bits: the binding does not know Float16Array in
 * every engine.
 */
export const ORT_ARRAY: Readonly<Record<DataType, NumericArrayConstructor | undefined>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
  BYTES: undefined,
  BF16: undefined,
};

/** What a session's `run` takes for an input: the part of ONNX Runtime's `Tensor` that it reads. */
export interface Feed {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: "cpu";
  readonly data: NumericArray | string[];
}

/** What a session's `run` gives for an output. */
export interface Fetched {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: NumericArray | string[];
}

const SCALAR: readonly number[] = [];
const SCALAR_SERVED: readonly number[] = [1];

/** An output of ONNX Runtime as the server carries it; nothing but strings is copied. */
export function toWorkerTensor(name: string, fetched: Fetched, scalar: boolean): WorkerTensor {
  const { data } = fetched;
  return {
    name,
    datatype: DATATYPE_OF.get(fetched.type)!,
    shape: scalar && fetched.dims.length === 0 ? SCALAR_SERVED : fetched.dims,
    data: Array.isArray(data) ? encodeBytes(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

/** The shape that the graph wants: `[]` for a scalar, whatever the request calls it. */
export function graphShape(tensor: WorkerTensor, scalar: boolean): readonly number[] {
  return scalar ? SCALAR : tensor.shape;
}
