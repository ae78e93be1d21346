import { type DescField, ScalarType } from "@bufbuild/protobuf";

/** The name of the message type that protobuf makes for the entries of a map field: `ModelConfig.ParametersEntry`. */
export function entryTypeName(field: DescField): string {
  const pascal = field.name.split("_").map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  return `${field.parent.typeName}.${pascal}Entry`;
}

/** True for the types whose values are bigint. */
export function isLong(type: ScalarType): boolean {
  return type === ScalarType.INT64 || type === ScalarType.UINT64 || type === ScalarType.SINT64 ||
    type === ScalarType.FIXED64 || type === ScalarType.SFIXED64;
}

/** True for the unsigned integers. */
export function isUnsigned(type: ScalarType): boolean {
  return type === ScalarType.UINT32 || type === ScalarType.FIXED32 || type === ScalarType.UINT64 ||
    type === ScalarType.FIXED64;
}

/** The default value of a scalar type. */
export function zeroOf(type: ScalarType): string | number | bigint | boolean {
  if (type === ScalarType.STRING) return "";
  if (type === ScalarType.BOOL) return false;
  return isLong(type) ? 0n : 0;
}
