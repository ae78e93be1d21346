import { joinBytes } from "../../../core/bytes.ts";
import type { ParameterValue } from "../../../core/inference.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, WireReader } from "./wire_reader.ts";

/** Which member of `InferParameter` is set. */
export type ParameterKind = "bool_param" | "int64_param" | "string_param" | "double_param" | "uint64_param";

/** An `InferParameter`; kind and value are undefined where none is set. */
export interface WireParameter {
  readonly kind: ParameterKind | undefined;
  readonly value: ParameterValue | undefined;
}

export type WireParameters = ReadonlyMap<string, WireParameter>;

/** A `ModelInferRequest.InferInputTensor`. */
export interface WireInput {
  name: string;
  datatype: string;
  /** Dimensions, rounded beyond 2^53. */
  readonly shape: number[];
  parameters: Map<string, WireParameter> | undefined;
  /** The bytes of `contents`, not decoded yet; undefined where the field is not set. */
  contents: Uint8Array | undefined;
}

/** A `ModelInferRequest.InferRequestedOutputTensor`. */
export interface WireOutput {
  name: string;
  parameters: Map<string, WireParameter> | undefined;
}

/** A `ModelInferRequest` as it was sent: nothing is checked but its encoding. */
export interface WireInferRequest {
  modelName: string;
  modelVersion: string;
  id: string;
  parameters: Map<string, WireParameter> | undefined;
  readonly inputs: WireInput[];
  readonly outputs: WireOutput[];
  /** Views of the message. */
  readonly rawInputContents: Uint8Array[];
}

const UNSET: WireParameter = { kind: undefined, value: undefined };

/** `field << 3 | wire type`, for the switches below. */
const string1 = 1 << 3 | LENGTH_DELIMITED,
  string2 = 2 << 3 | LENGTH_DELIMITED,
  string3 = 3 << 3 | LENGTH_DELIMITED,
  message2 = string2,
  message4 = 4 << 3 | LENGTH_DELIMITED,
  message5 = 5 << 3 | LENGTH_DELIMITED,
  message6 = 6 << 3 | LENGTH_DELIMITED,
  bytes7 = 7 << 3 | LENGTH_DELIMITED,
  packed3 = string3,
  varint3 = 3 << 3 | VARINT;

/**
 * Reads a `ModelInferRequest` by hand: the hot path's stand-in for generated code. Tensors stay views of `message`.
 * Unknown fields are passed over; of a field that is there twice the last counts, as in every protobuf parser.
 *
 * @throws Status INTERNAL `Unable to parse request: …`.
 */
export function readInferRequest(message: Uint8Array): WireInferRequest {
  const reader = new WireReader(message);
  const request: WireInferRequest = {
    modelName: "",
    modelVersion: "",
    id: "",
    parameters: undefined,
    inputs: [],
    outputs: [],
    rawInputContents: [],
  };
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case string1:
        request.modelName = reader.string();
        break;
      case string2:
        request.modelVersion = reader.string();
        break;
      case string3:
        request.id = reader.string();
        break;
      case message4:
        readParameter(reader, request.parameters ??= new Map());
        break;
      case message5:
        request.inputs.push(readInput(reader));
        break;
      case message6:
        request.outputs.push(readOutput(reader));
        break;
      case bytes7:
        request.rawInputContents.push(reader.view());
        break;
      default:
        reader.skip(tag);
    }
  }
  return request;
}

function readInput(reader: WireReader): WireInput {
  const input: WireInput = { name: "", datatype: "", shape: [], parameters: undefined, contents: undefined };
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case string1:
        input.name = reader.string();
        break;
      case string2:
        input.datatype = reader.string();
        break;
      case packed3: {
        const rest = reader.enter();
        while (reader.more) input.shape.push(reader.int64Rounded());
        reader.leave(rest);
        break;
      }
      case varint3:
        input.shape.push(reader.int64Rounded());
        break;
      case message4:
        readParameter(reader, input.parameters ??= new Map());
        break;
      case message5:
        // A message that is there twice is merged, which is what reading both one after the other does.
        input.contents = input.contents ? joinBytes([input.contents, reader.view()]) : reader.view();
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return input;
}

function readOutput(reader: WireReader): WireOutput {
  const output: WireOutput = { name: "", parameters: undefined };
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    if (tag === string1) output.name = reader.string();
    else if (tag === message2) readParameter(reader, output.parameters ??= new Map());
    else reader.skip(tag);
  }
  reader.leave(outer);
  return output;
}

/** One entry of a `map<string, InferParameter>`. */
function readParameter(reader: WireReader, parameters: Map<string, WireParameter>): void {
  let key = "", value = UNSET;
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    if (tag === string1) key = reader.string();
    else if (tag === message2) value = readInferParameter(reader, value);
    else reader.skip(tag);
  }
  reader.leave(outer);
  parameters.set(key, value);
}

function readInferParameter(reader: WireReader, before: WireParameter): WireParameter {
  let parameter = before;
  const outer = reader.enter();
  while (reader.more) {
    const tag = reader.tag();
    switch (tag) {
      case 1 << 3 | VARINT:
        parameter = { kind: "bool_param", value: reader.bool() };
        break;
      case 2 << 3 | VARINT:
        parameter = { kind: "int64_param", value: reader.int64() };
        break;
      case string3:
        parameter = { kind: "string_param", value: reader.string() };
        break;
      case 4 << 3 | FIXED64:
        parameter = { kind: "double_param", value: reader.double() };
        break;
      case 5 << 3 | VARINT:
        parameter = { kind: "uint64_param", value: reader.uint64() };
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return parameter;
}
