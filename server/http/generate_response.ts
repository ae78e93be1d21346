import type { InferenceResponse } from "../../core/inference.ts";
import { elementCount } from "../../core/tensor.ts";
import { encodeText, quoteText } from "../tensor_json/text.ts";
import { writeData } from "../tensor_json/write_data.ts";
import { parameterJson } from "./infer_response.ts";

const encoder = new TextEncoder();

/**
 * A response of the generate extension: one flat JSON object with `model_name`, `model_version`, the `id` where there is
 * one, every parameter and every output, keys sorted. An output of one element is that element, any other a flat array.
 */
export function generateJson(response: InferenceResponse): string {
  const members = new Map<string, string>();
  if (response.id !== "") members.set("id", quoteText(response.id));
  members.set("model_name", quoteText(response.modelName));
  members.set("model_version", quoteText(response.modelVersion));
  if (response.parameters) { for (const [key, value] of response.parameters) members.set(key, parameterJson(value)); }
  for (const output of response.outputs) {
    const data = writeData(output);
    members.set(output.name, elementCount(output.shape) === 1 ? data.slice(1, -1) : data);
  }
  const sorted = [...members.keys()].sort();
  return `{${sorted.map((key) => `${quoteText(key)}:${members.get(key)}`).join(",")}}`;
}

/** A server-sent event with a JSON document. */
export function eventOf(json: string): string {
  return `data: ${json}\n\n`;
}

/** Text as bytes; those of strings that are not UTF-8 stay as they are. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return text.isWellFormed() ? encoder.encode(text) : encodeText(text);
}
