import type { InferenceResponse, ParameterValue } from "../../core/inference.ts";
import type { Model } from "../../model_repository/model.ts";
import { classify } from "../classification.ts";
import { encodeText, quoteText } from "../tensor_json/text.ts";
import { writeData } from "../tensor_json/write_data.ts";
import type { ContentCoding } from "./accept_encoding.ts";
import { compress } from "./compression.ts";
import type { OutputForm, OutputForms } from "./infer_request.ts";
import { DirectResponse } from "./direct_response.ts";
import { jsonResponse } from "./respond.ts";

const encoder = new TextEncoder();

/**
 * The answer to an inference request: JSON, followed by the bytes of the outputs that are to be binary, in their order.
 *
 * @throws Status INVALID_ARGUMENT where an output cannot be classified.
 */
export function inferResponse(
  model: Model,
  response: InferenceResponse,
  forms: OutputForms,
  coding: ContentCoding,
): Response | Promise<Response> {
  const binary: Uint8Array[] = [];
  let binarySize = 0;
  let json = response.id === "" ? '{"model_name":' : `{"id":${quoteText(response.id)},"model_name":`;
  json += `${quoteText(response.modelName)},"model_version":"${response.modelVersion}"`;
  if (response.parameters !== undefined && response.parameters.size > 0) {
    json += `,"parameters":${writeParameters(response.parameters)}`;
  }
  json += ',"outputs":[';
  let first = true;
  for (let i = 0; i < response.outputs.length; i++) {
    let output = response.outputs[i];
    let isBinary = forms.binary;
    if (forms.listed.length > 0) {
      const form = formOf(forms.listed, output.name);
      if (form === undefined) continue;
      isBinary = form.binary;
      if (form.classes > 0) {
        output = classify(output, form.classes, model.config.maxBatchSize > 0, model.labels(output.name));
      }
    }
    json += `${first ? "" : ","}{"name":${
      quoteText(output.name)
    },"datatype":"${output.datatype}","shape":[${output.shape}]`;
    first = false;
    if (isBinary) {
      json += `,"parameters":{"binary_data_size":${output.data.length}}}`;
      binary.push(output.data);
      binarySize += output.data.length;
    } else json += `,"data":${writeData(output)}}`;
  }
  json += "]}";
  if (coding === "identity") {
    if (binarySize > 0) return binaryResponse(json, binary, binarySize);
    return jsonResponse(json.isWellFormed() ? json : encodeText(json));
  }
  return compressedResponse(json, binary, binarySize, coding);
}

function binaryResponse(json: string, binary: readonly Uint8Array[], binarySize: number): Response {
  // Names are ASCII as a rule, and then the JSON can be written where it has to be.
  const body = new Uint8Array(json.length + binarySize);
  const { read, written } = encoder.encodeInto(json, body);
  if (read === json.length && written === json.length) {
    append(body, written, binary);
    return new DirectResponse(200, binaryHeaders(written), body);
  }
  const header = encodeText(json);
  return new DirectResponse(200, binaryHeaders(header.length), joined(header, binary, binarySize));
}

/** Prepared headers by the length of the JSON, of which a model has few. */
const knownHeaders = new Map<number, readonly string[]>();
const MAX_KNOWN_HEADERS = 256;

function binaryHeaders(headerLength: number): readonly string[] {
  const known = knownHeaders.get(headerLength);
  if (known !== undefined) return known;
  const length = String(headerLength);
  const headers = ["content-type", "application/octet-stream", "inference-header-content-length", length];
  if (knownHeaders.size < MAX_KNOWN_HEADERS) knownHeaders.set(headerLength, headers);
  return headers;
}

async function compressedResponse(
  json: string,
  binary: readonly Uint8Array[],
  binarySize: number,
  coding: "gzip" | "deflate",
): Promise<Response> {
  const header = encodeText(json);
  const body = await compress(binarySize > 0 ? joined(header, binary, binarySize) : header, coding);
  const headers = binarySize > 0 ? [...binaryHeaders(header.length)] : ["content-type", "application/json"];
  headers.push("content-encoding", coding);
  return new DirectResponse(200, headers, body as Uint8Array<ArrayBuffer>);
}

function joined(header: Uint8Array, binary: readonly Uint8Array[], binarySize: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(header.length + binarySize);
  body.set(header);
  append(body, header.length, binary);
  return body;
}

function append(body: Uint8Array, at: number, binary: readonly Uint8Array[]): void {
  for (let i = 0; i < binary.length; i++) {
    body.set(binary[i], at);
    at += binary[i].length;
  }
}

function formOf(listed: readonly OutputForm[], name: string): OutputForm | undefined {
  for (let i = 0; i < listed.length; i++) if (listed[i].name === name) return listed[i];
  return undefined;
}

function writeParameters(parameters: ReadonlyMap<string, ParameterValue>): string {
  const members = Array.from(parameters, ([key, value]) => `${quoteText(key)}:${parameterJson(value)}`);
  return `{${members.join(",")}}`;
}

/** As JSON that keeps 64-bit integers and numbers that are not finite. */
export function parameterJson(value: ParameterValue): string {
  return typeof value === "string" ? quoteText(value) : String(value);
}
