import { Status } from "../../core/status.ts";
import { DirectResponse, type WholeBody } from "./direct_response.ts";

const JSON_HEADERS: readonly string[] = ["content-type", "application/json"];
const EMPTY_HEADERS: readonly string[] = ["content-type", "text/plain"];

/** 200 with a JSON document. */
export function jsonResponse(body: WholeBody): Response {
  return new DirectResponse(200, JSON_HEADERS, body);
}

/** An answer without a body, as health endpoints give. */
export function emptyResponse(status = 200): Response {
  return new DirectResponse(status, EMPTY_HEADERS, null);
}

/** The answer to anything that went wrong: the status of the code, and `{"error": text}`. */
export function errorResponse(thrown: unknown, headers?: Record<string, string>): Response {
  const status = Status.from(thrown);
  const all = headers === undefined ? JSON_HEADERS : [...JSON_HEADERS, ...Object.entries(headers).flat()];
  return new DirectResponse(status.httpStatus, all, JSON.stringify({ error: status.message }));
}
