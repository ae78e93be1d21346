import { type DescEnum, type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import {
  invalidOverride,
  overrideNotAnObject,
  unknownOverrideField,
  unknownOverrideValue,
} from "../../core/errors/load.ts";
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";
import { Status } from "../../core/status.ts";
import { nearestName, nearestValue } from "./text_advice.ts";

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

/** Refuses names that no field or enum has, with the path to them; protobuf's messages have no path and suggest nothing. */
function checkNames(desc: DescMessage, json: JsonObject, path: string): void {
  for (const [name, value] of Object.entries(json)) {
    const field = desc.fields.find((field) => field.name === name || field.jsonName === name);
    if (!field) throw unknownOverrideField(path + name, nearestName(desc, name));
    const check = (item: JsonValue, at: string): void => {
      if (field.message && isObject(item)) checkNames(field.message, item, `${at}.`);
      if (field.enum && typeof item === "string") checkEnum(field.enum, item, at);
    };
    if (field.fieldKind === "list" && Array.isArray(value)) {
      value.forEach((item, index) => check(item, `${path}${name}[${index}]`));
    } else if (field.fieldKind === "map" && isObject(value)) {
      for (const [key, item] of Object.entries(value)) check(item, `${path}${name}[${key}]`);
    } else {
      check(value, path + name);
    }
  }
}

function checkEnum(desc: DescEnum, text: string, path: string): void {
  if (!desc.values.some((value) => value.name === text)) {
    throw unknownOverrideValue(path, text, nearestValue(desc, text));
  }
}
