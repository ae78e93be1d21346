import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";
import * as errors from "../../core/errors/config_text.ts";
import { isLong, isUnsigned } from "./descriptors.ts";
import { adviseEnum, adviseScalar } from "./text_advice.ts";
import { decodeLiterals, EscapeError } from "./text_strings.ts";
import type { Token } from "./text_tokens.ts";

const { advice } = errors;

/** A value as @bufbuild/protobuf holds it: 64-bit integers as bigint, single floats rounded. */
export type ScalarValue = string | number | bigint | boolean;

/** What scalars are read from: the current token, and a way to complain about it. */
export interface TextSource {
  readonly token: Token;
  advance(): void;
  /** Where `token` is, for an error. */
  at(token?: Token): errors.TextPosition;
}

/** Reads one scalar. */
export function readScalar(source: TextSource, field: DescField, type: ScalarType): ScalarValue {
  switch (type) {
    case ScalarType.STRING:
      return readString(source, field);
    case ScalarType.BOOL:
      return readBoolean(source, field);
    case ScalarType.FLOAT:
      return Math.fround(readDouble(source));
    case ScalarType.DOUBLE:
      return readDouble(source);
    default:
      return readInteger(source, type);
  }
}

/** Reads an enum value by name, or by a number that it has. */
export function readEnum(source: TextSource, field: DescField, desc: DescEnum): number {
  const start = source.token;
  const negative = acceptMinus(source);
  const token = source.token;
  const byName = token.kind === "identifier" && !negative;
  if (!byName && token.kind !== "integer") {
    throw errors.expectedEnum(source.at(), adviseEnum(desc, token), token.text);
  }
  const number = byName ? undefined : Number(integerOf(token.text)) * (negative ? -1 : 1);
  const value = byName ? desc.values.find((value) => value.name === token.text) : desc.value[number!];
  if (!value) {
    throw errors.unknownEnumValue(
      source.at(start),
      adviseEnum(desc, token),
      number?.toString() ?? token.text,
      field.name,
    );
  }
  source.advance();
  return value.number;
}

function acceptMinus(source: TextSource): boolean {
  if (source.token.kind !== "symbol" || source.token.text !== "-") return false;
  source.advance();
  return true;
}

function readString(source: TextSource, field: DescField): string {
  if (source.token.kind !== "string") {
    throw errors.expectedString(source.at(), adviseScalar(source.token, ScalarType.STRING), source.token.text);
  }
  const literals: Token[] = [];
  for (; source.token.kind === "string"; source.advance()) literals.push(source.token);
  try {
    return decodeLiterals(literals.map((literal) => literal.text));
  } catch (error) {
    if (error instanceof TypeError) throw errors.invalidUtf8(source.at(literals[0]), "", field.name);
    throw badEscape(source, literals);
  }
}

/** Finds the literal with the wrong escape, to point at it. */
function badEscape(source: TextSource, literals: readonly Token[]): Error {
  for (const literal of literals) {
    try {
      decodeLiterals([literal.text]);
    } catch (error) {
      if (error instanceof EscapeError) {
        return errors.invalidEscape(
          source.at({ ...literal, column: literal.column + error.offset }),
          advice.escape,
        );
      }
    }
  }
  return errors.invalidEscape(source.at(literals[0]), advice.escape);
}

function readBoolean(source: TextSource, field: DescField): boolean {
  const { kind, text } = source.token;
  let value: boolean | undefined;
  if (kind === "identifier" && /^(true|True|t|false|False|f)$/.test(text)) value = /^t/i.test(text);
  if (kind === "integer" && integerOf(text) <= 1n) value = integerOf(text) === 1n;
  if (value === undefined) {
    throw errors.expectedBoolean(source.at(), adviseScalar(source.token, ScalarType.BOOL), field.name, text);
  }
  source.advance();
  return value;
}

/** The value of an integer token: decimal, `0x…`, or octal with a leading 0. */
function integerOf(text: string): bigint {
  return BigInt(/^0[0-7]/.test(text) ? `0o${text.slice(1)}` : text);
}

function readInteger(source: TextSource, type: ScalarType): number | bigint {
  const start = source.token;
  const unsigned = isUnsigned(type);
  const bits = isLong(type) ? 64n : 32n;
  const low = unsigned ? 0n : -(1n << (bits - 1n));
  const high = (1n << (unsigned ? bits : bits - 1n)) - 1n;
  if (unsigned && start.kind === "symbol" && start.text === "-") {
    throw errors.expectedInteger(source.at(), advice.range(`${low}`, `${high}`), start.text);
  }
  const negative = acceptMinus(source);
  const { kind, text } = source.token;
  if (kind !== "integer") throw errors.expectedInteger(source.at(), adviseScalar(source.token, type), text);
  const value = negative ? -integerOf(text) : integerOf(text);
  if (value < low || value > high) {
    throw errors.integerOutOfRange(source.at(start), advice.range(`${low}`, `${high}`), negative ? `-${text}` : text);
  }
  source.advance();
  return isLong(type) ? value : Number(value);
}

function readDouble(source: TextSource): number {
  const negative = acceptMinus(source);
  const { kind, text } = source.token;
  let value: number;
  if (kind === "float") {
    value = Number(text.replace(/[fF]$/, ""));
  } else if (kind === "integer") {
    if (/^0[xX0-7]/.test(text)) throw errors.expectedDecimal(source.at(), "", text);
    value = Number(text);
  } else if (kind === "identifier" && /^inf(inity)?f?$/i.test(text)) {
    value = Infinity;
  } else if (kind === "identifier" && /^nan$/i.test(text)) {
    value = NaN;
  } else {
    throw errors.expectedDouble(source.at(), adviseScalar(source.token, ScalarType.DOUBLE), text);
  }
  source.advance();
  return negative ? -value : value;
}
