import { negativePriority, negativeTimeout, reservedParameter, wrongParameterType } from "../../../core/errors/grpc.ts";
import { forwardedReservedHeader, sequenceIdTooLong } from "../../../core/errors/wire.ts";
import type { InferenceRequest, ParameterValue } from "../../../core/inference.ts";
import type { Metadata } from "../transport/transport.ts";
import type { WireParameter, WireParameters } from "./request_reader.ts";

/** The longest sequence id given as text. */
const MAX_SEQUENCE_ID = 128;

/** Parameters with a meaning of their own. */
const RESERVED: ReadonlySet<string> = new Set(["sequence_id", "sequence_start", "sequence_end", "priority", "timeout"]);

/**
 * Puts the request's parameters where they belong: those with a meaning into their fields, the rest into `parameters`.
 *
 * @throws Status INVALID_ARGUMENT for a wrong type or value, UNIMPLEMENTED for a sequence id of over 128 characters.
 */
export function setParameters(request: InferenceRequest, parameters: WireParameters): void {
  for (const [key, parameter] of parameters) {
    switch (key) {
      case "sequence_id":
        request.correlationId = sequenceId(parameter);
        break;
      case "sequence_start":
        request.sequenceStart = boolean(key, parameter);
        break;
      case "sequence_end":
        request.sequenceEnd = boolean(key, parameter);
        break;
      case "priority":
        request.priority = priority(parameter);
        break;
      case "timeout":
        request.timeoutMicros = timeout(parameter);
        break;
      default:
        setCustom(request, key, parameter);
    }
  }
}

/** Metadata whose key the pattern matches becomes text parameters; they win over parameters of the same name. */
export function forwardHeaders(request: InferenceRequest, headers: Metadata, pattern: RegExp): void {
  for (const [name, value] of headers) {
    if (!pattern.test(name)) continue;
    if (RESERVED.has(name) || name.startsWith("triton_")) throw forwardedReservedHeader(name);
    (request.parameters ??= new Map()).set(name, value);
  }
}

function sequenceId({ kind, value }: WireParameter): number | bigint | string {
  if (kind === "string_param") {
    const text = value as string;
    if (text.length > MAX_SEQUENCE_ID) throw sequenceIdTooLong(text.length);
    return text;
  }
  if (kind !== "int64_param") throw wrongParameterType("sequence_id", "int64_param or string_param");
  const id = value as number | bigint;
  return id < 0 ? BigInt.asUintN(64, BigInt(id)) : id; // clients send ids of 2^63 and above as negative ones
}

function boolean(key: string, { kind, value }: WireParameter): boolean {
  if (kind !== "bool_param") throw wrongParameterType(key, "bool_param");
  return value as boolean;
}

function priority({ kind, value }: WireParameter): number {
  if (kind !== "int64_param" && kind !== "uint64_param") {
    throw wrongParameterType("priority", "int64_param or uint64_param");
  }
  const level = Number(value);
  if (level < 0) throw negativePriority();
  return level;
}

function timeout({ kind, value }: WireParameter): number {
  if (kind !== "int64_param") throw wrongParameterType("timeout", "int64_param");
  const micros = Number(value);
  if (micros < 0) throw negativeTimeout();
  return micros;
}

function setCustom(request: InferenceRequest, key: string, { kind, value }: WireParameter): void {
  if (key.startsWith("triton_")) {
    if (key !== "triton_enable_empty_final_response") throw reservedParameter();
    if (kind !== "bool_param") throw wrongParameterType(key, "bool_param");
    return; // only streams have a final response
  }
  if (kind === undefined || kind === "uint64_param") {
    throw wrongParameterType(key, "int64_param, bool_param, or string_param");
  }
  (request.parameters ??= new Map()).set(key, value as ParameterValue);
}
