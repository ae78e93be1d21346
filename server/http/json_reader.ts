import { malformedJson, missingMember, wrongJsonType } from "../../core/errors/http.ts";
import { JsonDouble, type JsonObject, type JsonValue } from "../tensor_json/parser.ts";
import { show } from "../tensor_json/read_data.ts";

/** Stands for "this has to be read exactly": thrown while reading a document that the native parser made. */
export const inexact = malformedJson("Invalid value.", 0);

/** A member of a value; undefined where it has none, or is no object. */
export function memberOf(value: JsonValue, key: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return (value as JsonObject)[key];
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonDouble);
}

// The members of a JSON object, of the type that they have to have. @throws Status INVALID_ARGUMENT

export function requiredString(object: JsonValue, key: string): string {
  const value = memberOf(object, key);
  if (typeof value === "string") return value;
  throw value === undefined ? missingMember(key) : wrongType(key, "string", value);
}

export function requiredArray(object: JsonValue, key: string): JsonValue[] {
  const value = memberOf(object, key);
  if (Array.isArray(value)) return value;
  throw value === undefined ? missingMember(key) : wrongType(key, "array", value);
}

export function booleanOf(key: string, value: JsonValue): boolean {
  if (typeof value === "boolean") return value;
  throw wrongType(key, "boolean", value);
}

/** A 64-bit unsigned integer: a bigint beyond 2^53. */
export function unsignedOf(key: string, value: JsonValue): number | bigint {
  if (isUnsigned(value)) return value;
  throw wrongType(key, "unsigned-integer", value);
}

export function isUnsigned(value: JsonValue): value is number | bigint {
  return typeof value === "bigint" ? value >= 0n : Number.isSafeInteger(value) && value as number >= 0;
}

export function wrongType(key: string, type: string, value: JsonValue) {
  return wrongJsonType(key, type, `it is ${show(value)}`);
}
