import {
  decoupledUnary,
  headerLengthNotANumber,
  headerLengthOutOfRange,
  jsonTooLarge,
  rawInputTooLarge,
  unsupportedContentEncoding,
} from "../../core/errors/http.ts";
import { InferenceRequest } from "../../core/inference.ts";
import { freeMemory, LARGE_BYTES } from "../../core/memory.ts";
import type { Model } from "../../model_repository/model.ts";
import { deduceRawInput } from "../../model_repository/raw_input.ts";
import type { InferenceServer } from "../inference_server.ts";
import { acceptedCoding } from "./accept_encoding.ts";
import { readAnyBody, readBody } from "./body.ts";
import { decompress } from "./compression.ts";
import type { DisconnectWatch } from "./disconnect.ts";
import { type InferCall, readInferRequest } from "./infer_request.ts";
import { inferResponse } from "./infer_response.ts";
import type { HttpOptions } from "./options.ts";
import { forwardHeaders } from "./request_parameters.ts";
import { errorResponse } from "./respond.ts";

/** `POST /v2/models/{model}[/versions/{version}]/infer` */
export class InferEndpoint {
  constructor(
    private readonly server: InferenceServer,
    private readonly options: HttpOptions,
    private readonly watch: DisconnectWatch,
  ) {}

  /** Answers a request; never rejects. @param version "" without one. */
  async answer(http: Request, name: string, version: string): Promise<Response> {
    try {
      const model = this.server.repository.find(name, version);
      if (model.decoupled) throw decoupledUnary();
      const { headers } = http;
      const encoding = headers.get("content-encoding");
      if (encoding !== null && !ENCODINGS.has(encoding)) {
        return errorResponse(unsupportedContentEncoding(encoding), { "accept-encoding": "gzip, deflate" });
      }
      const headerLength = headers.get("inference-header-content-length");
      const body = encoding === "gzip" || encoding === "deflate"
        ? await this.#compressedBody(http, encoding)
        : await this.#plainBody(http, headerLength);
      const { request, forms } = this.#read(model, version, body, headerLength);
      if (body.byteLength >= LARGE_BYTES && body.buffer instanceof ArrayBuffer) request.memory = body.buffer;
      if (this.options.headerForwardPattern) forwardHeaders(request, headers, this.options.headerForwardPattern);

      const watched = this.watch.watch(http);
      request.signal = watched.controller.signal;
      try {
        const response = await this.server.inferUnary(model, request);
        const answer = inferResponse(model, response, forms, acceptedCoding(headers.get("accept-encoding")));
        if (response.memory) freeMemory(response.memory);
        return await answer;
      } finally {
        this.watch.done(watched);
      }
    } catch (error) {
      return errorResponse(error);
    }
  }

  #plainBody(http: Request, headerLength: string | null): Promise<Uint8Array<ArrayBuffer>> {
    const { maxInputSize } = this.options;
    if (headerLength === null) return readBody(http, maxInputSize, (bytes) => jsonTooLarge(bytes, maxInputSize));
    if (Number(headerLength) === 0) {
      return readBody(http, maxInputSize, (bytes) => rawInputTooLarge(bytes, maxInputSize));
    }
    // Binary tensors may be bigger than the JSON, which is checked once the length is known to be one.
    return readAnyBody(http);
  }

  async #compressedBody(http: Request, encoding: string): Promise<Uint8Array> {
    const { maxInputSize } = this.options;
    const packed = await readBody(http, maxInputSize, (bytes) => jsonTooLarge(bytes, maxInputSize));
    return decompress(packed, encoding, maxInputSize);
  }

  #read(model: Model, version: string, body: Uint8Array, headerLength: string | null): InferCall {
    const { maxInputSize } = this.options;
    let jsonSize = body.length;
    if (headerLength !== null) {
      if (!/^[0-9]+$/.test(headerLength)) {
        throw /^-[0-9]+$/.test(headerLength)
          ? headerLengthOutOfRange(headerLength, body.length)
          : headerLengthNotANumber(headerLength);
      }
      jsonSize = Number(headerLength);
      if (jsonSize > body.length) throw headerLengthOutOfRange(headerLength, body.length);
      if (jsonSize > maxInputSize) throw jsonTooLarge(jsonSize, maxInputSize);
    }
    if (jsonSize === 0) return rawCall(model, version, body);
    return readInferRequest(model, version, body, jsonSize, maxInputSize);
  }
}

/** Values of Content-Encoding that are served; an empty one means none. */
const ENCODINGS: ReadonlySet<string> = new Set(["", "identity", "gzip", "deflate"]);

/** A body without JSON is the one input of the model; its outputs come as binary data. */
function rawCall(model: Model, version: string, body: Uint8Array): InferCall {
  const request = new InferenceRequest(model.name, version);
  request.inputs.push(deduceRawInput(model, request.id, body));
  return { request, forms: { binary: true, listed: [] } };
}
