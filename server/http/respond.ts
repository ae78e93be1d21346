import { Status } from "../../core/status.ts";

const JSON_HEADERS = new Headers({ "content-type": "application/json" });
const JSON_RESPONSE: ResponseInit = { headers: JSON_HEADERS };
const EMPTY_HEADERS = new Headers({ "content-type": "text/plain" });

/** 200 with a JSON document. */
export function jsonResponse(body: BodyInit): Response {
  return new Response(body, JSON_RESPONSE);
}

/** An answer without a body, as health endpoints give. */
export function emptyResponse(status = 200): Response {
  return new Response(null, { status, headers: EMPTY_HEADERS });
}

/** The answer to anything that went wrong: the status of the code, and `{"error": text}`. */
export function errorResponse(thrown: unknown, headers?: Record<string, string>): Response {
  const status = Status.from(thrown);
  return new Response(JSON.stringify({ error: status.message }), {
    status: status.httpStatus,
    headers: headers === undefined ? JSON_HEADERS : { "content-type": "application/json", ...headers },
  });
}
