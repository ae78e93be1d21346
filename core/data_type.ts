/**
 * The tensor datatypes of the KServe v2 protocol, as their wire names. `BYTES` is the variable-length one: each element
 * is a 4-byte little-endian length and that many bytes.
 */
export type DataType =
  | "BOOL"
  | "UINT8"
  | "UINT16"
  | "UINT32"
  | "UINT64"
  | "INT8"
  | "INT16"
  | "INT32"
  | "INT64"
  | "FP16"
  | "FP32"
  | "FP64"
  | "BYTES"
  | "BF16";

/** Bytes of one element; 0 for `BYTES`, whose elements differ in size. */
export const ELEMENT_SIZE: Readonly<Record<DataType, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
  BF16: 2,
};

/**
 * Datatypes at the positions of the `DataType` enum of `model_config.proto`: `TYPE_BOOL` is 1, `TYPE_STRING`
 * (here `BYTES`) 13, `TYPE_BF16` 14. Position 0 is `TYPE_INVALID`.
 */
export const DATA_TYPES: readonly (DataType | undefined)[] = [
  undefined,
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BYTES",
  "BF16",
];

/** True for the fourteen wire names, and for nothing else. */
export function isDataType(name: string): name is DataType {
  return Object.hasOwn(ELEMENT_SIZE, name);
}

/** The enum value of `model_config.proto` for a wire name: 1 for `BOOL`, 13 for `BYTES`. */
export function configTypeOf(datatype: DataType): number {
  return DATA_TYPES.indexOf(datatype);
}

/** The name that `config.pbtxt` uses: `TYPE_FP32` for `FP32`, `TYPE_STRING` for `BYTES`. */
export function configTypeName(datatype: DataType): string {
  return datatype === "BYTES" ? "TYPE_STRING" : `TYPE_${datatype}`;
}
