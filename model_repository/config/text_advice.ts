import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { closest, distance } from "fastest-levenshtein";
import { advice } from "../../core/errors/config_text.ts";
import type { Token } from "./text_tokens.ts";

/** What has fields: a message, or an entry of a map. */
export type FieldOwner = DescMessage | DescField & { fieldKind: "map" };

/** Names that metadata, JSON or other formats have, and those of `model_config.proto`. */
const FIELD_ALIASES: ReadonlyMap<string, readonly string[]> = new Map(Object.entries({
  shape: ["dims"],
  dim: ["dims"],
  type: ["data_type", "platform"],
  dtype: ["data_type"],
  batchsize: ["max_batch_size"],
  warmup: ["model_warmup"],
  versions: ["version_policy"],
  ensemble: ["ensemble_scheduling"],
  batching: ["dynamic_batching"],
  device: ["kind"],
  instances: ["instance_group", "count"],
  model: ["model_name"],
  decoupled: ["model_transaction_policy"],
}));

/** Datatypes as wire formats and other frameworks spell them. */
const ENUM_ALIASES: ReadonlyMap<string, string> = new Map(Object.entries({
  BYTES: "STRING",
  STR: "STRING",
  OBJECT: "STRING",
  FLOAT: "FP32",
  FLOAT16: "FP16",
  FLOAT32: "FP32",
  FLOAT64: "FP64",
  HALF: "FP16",
  DOUBLE: "FP64",
  BFLOAT16: "BF16",
  BOOLEAN: "BOOL",
  INT: "INT32",
  LONG: "INT64",
}));

const bare = (name: string): string => name.replaceAll("_", "").toLowerCase();

/** The candidate that `name` was most likely meant to be. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const same = candidates.find((candidate) => bare(candidate) === bare(name));
  if (same || candidates.length === 0) return same;
  const near = closest(name, candidates);
  return distance(name, near) <= Math.max(1, Math.floor(near.length / 3)) ? near : undefined;
}

/** The field of `desc` that `name` was most likely meant to be. */
export function nearestName(desc: DescMessage, name: string): string | undefined {
  const names = namesOf(desc);
  return FIELD_ALIASES.get(bare(name))?.find((alias) => names.includes(alias)) ?? nearest(name, names);
}

function namesOf(owner: FieldOwner): string[] {
  return owner.kind === "message" ? owner.fields.map((field) => field.name) : ["key", "value"];
}

/**
 * Advice for an unknown field.
 *
 * @param root the message that the whole text stands for.
 * @param open the bracket that the field stands in.
 */
export function adviseField(owner: FieldOwner, name: string, root: DescMessage, open: Token | undefined): string {
  const names = namesOf(owner);
  const near = owner.kind === "message" ? nearestName(owner, name) : nearest(name, names);
  if (near) return advice.didYouMean([near]);
  if (open && namesOf(root).includes(name)) return advice.closeFirst(name, open.text, open.line);
  const home = findOwner(root, name);
  return home ? advice.belongsTo(name, home) : advice.expectedOneOf(names);
}

/** The path of the message nearest to the root that has a field of this name. */
function findOwner(root: DescMessage, name: string): string | undefined {
  const queue: { desc: DescMessage; path: string }[] = [{ desc: root, path: "" }];
  const seen = new Set<DescMessage>();
  for (const { desc, path } of queue) {
    if (seen.has(desc)) continue;
    seen.add(desc);
    if (path && desc.fields.some((field) => field.name === name)) return path;
    for (const field of desc.fields) {
      if (field.message) queue.push({ desc: field.message, path: path ? `${path}.${field.name}` : field.name });
    }
  }
}

/** Advice where a field's name was expected. */
export function adviseIdentifier(token: Token, owner: FieldOwner, open: Token | undefined): string {
  if (token.text === "{" && token.column === 1 && !open) return advice.json;
  if (token.text === "/") return advice.comment;
  if (!open && /^[}>\]]$/.test(token.text)) return advice.superfluous(token.text);
  if (token.kind === "integer" || token.kind === "float" || token.text === "-") return advice.list;
  if (token.kind === "string") {
    return owner.kind === "field" ? advice.write(`{ key: ${token.text} value: … }`) : advice.noQuotes;
  }
  return advice.fieldName(token.text);
}

/** Advice where the `{` of a message or map entry was expected. */
export function adviseMessage(owner: FieldOwner, name: string, token: Token): string {
  if (owner.kind === "field") return advice.write(`${name} { key: … value: … }`);
  const text = token.kind === "end" ? "…" : token.text;
  const only = owner.fields.length === 1 ? owner.fields[0] : undefined;
  if (only?.fieldKind === "list") return advice.write(`${name} { ${only.name}: [ … ] }`);
  if (only?.fieldKind === "scalar") {
    const quoted = only.scalar === ScalarType.STRING && token.kind !== "string";
    return advice.write(`${name} { ${only.name}: ${quoted ? `"${text}"` : text} }`);
  }
  const member = owner.fields.find((field) => field.name === text);
  if (member) return advice.write(`${name} { ${member.name}${member.message ? " { … }" : ": …"} }`);
  return advice.write(`${name} { … }`);
}

/** The value of `desc` that `text` was most likely meant to be: another spelling of it, or one a few letters away. */
export function nearestValue(desc: DescEnum, text: string): string | undefined {
  const names = valuesOf(desc);
  const prefix = sharedPrefix(names);
  const short = text.toUpperCase().replace(new RegExp(`^${prefix}`), "");
  const same = names.find((name) => name === prefix + short || name === prefix + ENUM_ALIASES.get(short));
  if (same) return same;
  const near = nearest(short, names.map((name) => name.slice(prefix.length)));
  return near && prefix + near;
}

/** What may be written; `TYPE_INVALID` is only what a type is that nobody gave. */
function valuesOf(desc: DescEnum): string[] {
  return desc.values.map((value) => value.name).filter((name) => name !== "TYPE_INVALID");
}

/** Advice for a value that the enum does not have. */
export function adviseEnum(desc: DescEnum, token: Token): string {
  const quoted = token.kind === "string";
  const near = quoted || token.kind === "identifier"
    ? nearestValue(desc, quoted ? token.text.slice(1, -1) : token.text)
    : undefined;
  if (!near) return advice.expectedOneOf(valuesOf(desc));
  return quoted ? advice.write(`${near} without quotes`) : advice.didYouMean([near]);
}

/** `TYPE_` of `TYPE_FP32`, `TYPE_INT8`, …; "" where the names share nothing. */
function sharedPrefix(names: readonly string[]): string {
  const prefix = names[0].slice(0, names[0].indexOf("_") + 1);
  return names.every((name) => name.startsWith(prefix)) ? prefix : "";
}

/** Advice for a token that is no value of the type. */
export function adviseScalar(token: Token, type: ScalarType): string {
  if (token.text === "[") return advice.single;
  if (token.text === "(") return advice.list;
  if (type === ScalarType.STRING) {
    return token.kind === "symbol" || token.kind === "end"
      ? advice.expected("a text in quotes")
      : advice.write(`"${token.text}"`);
  }
  if (type === ScalarType.BOOL) return advice.expected("true or false");
  const inner = token.text.slice(1, -1);
  if (token.kind === "string" && /^-?[0-9]+$/.test(inner)) return advice.write(`${inner} without quotes`);
  return advice.expected(type === ScalarType.DOUBLE ? "a number" : "a whole number");
}
