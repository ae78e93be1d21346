import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { type ModelConfig, ModelConfigSchema } from "../../proto/gen/model_config_pb.ts";

/**
 * A configuration as the `…/config` endpoints answer it: original field names, every scalar, list and map even where it
 * has its default, messages and members of oneofs only where they are set, enums by name, and 64-bit integers as JSON
 * numbers with all their digits.
 */
export function configToJson(config: ModelConfig): string {
  return messageToJson(reflect(ModelConfigSchema, config, false));
}

function messageToJson(message: ReflectMessage): string {
  const members: string[] = [];
  for (const field of message.desc.fields) {
    if ((field.oneof || field.fieldKind === "message") && !message.isSet(field)) continue;
    members.push(`${JSON.stringify(field.name)}:${fieldToJson(message, field)}`);
  }
  return `{${members.join()}}`;
}

function fieldToJson(message: ReflectMessage, field: DescField): string {
  switch (field.fieldKind) {
    case "list": {
      const items = Array.from(message.get(field), (item) => valueToJson(item, field));
      return `[${items.join()}]`;
    }
    case "map": {
      const entries = Array.from(message.get(field), ([key, value]) => {
        return `${JSON.stringify(String(key))}:${valueToJson(value, field)}`;
      });
      return `{${entries.join()}}`;
    }
    default:
      return valueToJson(message.get(field), field);
  }
}

/** What a value is: the part of a field's descriptor that its elements share. */
interface Kind {
  readonly message?: DescMessage;
  readonly enum?: DescEnum;
  readonly scalar?: ScalarType;
}

function valueToJson(value: unknown, kind: Kind): string {
  if (kind.message) return messageToJson(value as ReflectMessage);
  if (kind.enum) {
    const name = kind.enum.value[value as number]?.name;
    return name === undefined ? String(value) : JSON.stringify(name);
  }
  if (typeof value === "bigint") return value.toString();
  if (kind.scalar === ScalarType.FLOAT || kind.scalar === ScalarType.DOUBLE) {
    return floatToJson(value as number, kind.scalar === ScalarType.FLOAT);
  }
  return JSON.stringify(value);
}

/** The shortest digits that give the same number back; protobuf's strings where JSON has no number. */
function floatToJson(value: number, single: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
  for (let digits = 6; single && digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
