import { type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { invalidOverride, overrideNotAnObject, unknownOverrideField } from "../../core/errors/load.ts";
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { Status } from "../../core/status.ts";
import { nearestName } from "./text_advice.ts";

/**
 * Reads a configuration from protobuf JSON, as the load parameter `config` gives it. Field names may be the original ones
 * or camelCase, 64-bit integers numbers or strings, enums names or numbers.
 *
 * @throws Status INVALID_ARGUMENT `Invalid config override: …`.
 */
export function configFromJson(text: string): ModelConfig {
  try {
    const json = JSON.parse(text, keepDigits) as JsonValue;
    if (!isObject(json)) throw overrideNotAnObject();
    checkNames(ModelConfigSchema, json, "");
    return fromJson(ModelConfigSchema, json);
  } catch (error) {
    if (error instanceof Status) throw error;
    throw invalidOverride((error as Error).message);
  }
}

/** Integers that a double cannot hold become strings, which protobuf JSON takes as well. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const exact = typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? "");
  return exact ? value : context!.source;
}

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Refuses names that no field has, with the path to them; protobuf's own message has neither path nor a suggestion. */
function checkNames(desc: DescMessage, json: JsonObject, path: string): void {
  for (const [name, value] of Object.entries(json)) {
    const field = desc.fields.find((field) => field.name === name || field.jsonName === name);
    if (!field) throw unknownOverrideField(path + name, nearestName(desc, name));
    if (!field.message) continue;
    const at = path + name;
    if (field.fieldKind === "list") checkAll(field.message, Array.isArray(value) ? value.entries() : [], at);
    else if (field.fieldKind === "map") checkAll(field.message, isObject(value) ? Object.entries(value) : [], at);
    else if (isObject(value)) checkNames(field.message, value, `${at}.`);
  }
}

function checkAll(desc: DescMessage, items: Iterable<[string | number, JsonValue]>, path: string): void {
  for (const [key, item] of items) if (isObject(item)) checkNames(desc, item, `${path}[${key}].`);
}
