/** What the tests of the HTTP front end share: an app over models in memory, and calls to it. */
import { Buffer } from "node:buffer";
import type { Hono } from "hono";
import type { IndexEntry, Model } from "../../model_repository/model.ts";
import { InferenceServer } from "../inference_server.ts";
import { FakeRepository, identityModel, simpleModel } from "../testing/fake_repository.ts";
import { createHttpApp } from "./app.ts";
import { DEFAULT_MAX_INPUT_SIZE, type HttpOptions } from "./options.ts";

/** A version that failed to load. */
export const BROKEN: IndexEntry = { name: "broken", version: 1, state: "UNAVAILABLE", reason: "no model file" };

export function testApp(
  models: readonly Model[] = [simpleModel(), identityModel("identity_fp32", "FP32")],
  options: Partial<HttpOptions> = {},
  others: readonly IndexEntry[] = [BROKEN],
): Hono {
  const server = new InferenceServer(new FakeRepository(models, others), "triton", true);
  return createHttpApp(server, { maxInputSize: DEFAULT_MAX_INPUT_SIZE, ...options });
}

/** An answer, its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- tests look into whatever came
  readonly json: any;
}

/** Calls the app as a client of the socket would: the path goes through as it is. */
export async function call(
  app: Hono,
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await app.fetch(rawRequest(method, `http://host${path}`, body, headers));
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = Buffer.from(bytes).toString();
  const isJson = response.headers.get("content-type") === "application/json" && text !== "" &&
    !response.headers.has("content-encoding");
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** The constructor of Request would resolve the URL and refuse some methods; a server does not. */
function rawRequest(
  method: string,
  url: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
  headers: Record<string, string>,
): Request {
  const size = body === undefined ? undefined : Buffer.byteLength(body);
  const request = new Request("http://host/", {
    method: "POST",
    body,
    headers: { ...(size === undefined ? {} : { "content-length": String(size) }), ...headers },
  });
  Object.defineProperty(request, "url", { value: url });
  Object.defineProperty(request, "method", { value: method });
  return request;
}

const range = Array.from({ length: 16 }, (_, i) => i);
const ones = new Array(16).fill(1);

/** The usual request to `simple`, changed as wished. */
export function simpleRequest(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    inputs: [
      { name: "INPUT0", shape: [1, 16], datatype: "INT32", data: range },
      { name: "INPUT1", shape: [1, 16], datatype: "INT32", data: ones },
    ],
    ...changes,
  });
}

/** A body of JSON and binary data, with the header that tells them apart. */
export function mixedBody(json: unknown, ...binary: Uint8Array[]): [Uint8Array<ArrayBuffer>, Record<string, string>] {
  const header = new TextEncoder().encode(JSON.stringify(json));
  const body = new Uint8Array(Buffer.concat([header, ...binary]));
  return [body, { "inference-header-content-length": String(header.length) }];
}
