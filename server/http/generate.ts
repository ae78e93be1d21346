import { generateEncoding, generateResponseCount, jsonTooLarge } from "../../core/errors/http.ts";
import type { InferenceResponse, ResponseSink } from "../../core/inference.ts";
import { Status } from "../../core/status.ts";
import type { Model } from "../../model_repository/model.ts";
import type { InferenceServer } from "../inference_server.ts";
import { readBody } from "./body.ts";
import type { DisconnectWatch, Watched } from "./disconnect.ts";
import { readGenerateRequest } from "./generate_request.ts";
import { bytesOf, eventOf, generateJson } from "./generate_response.ts";
import type { HttpOptions } from "./options.ts";
import { forwardHeaders } from "./request_parameters.ts";
import { errorResponse } from "./respond.ts";

const JSON_INIT: ResponseInit = { headers: new Headers({ "content-type": "application/json" }) };
const EVENTS_INIT: ResponseInit = { headers: new Headers({ "content-type": "text/event-stream; charset=utf-8" }) };

/**
 * `POST /v2/models/{model}[/versions/{version}]/generate` and `…/generate_stream`: inference in plain JSON, for models
 * with one response and for decoupled ones. The first answers with the one response, the second with server-sent events.
 * A client that goes away ends the work.
 */
export class GenerateEndpoint {
  constructor(
    private readonly server: InferenceServer,
    private readonly options: HttpOptions,
    private readonly watch: DisconnectWatch,
  ) {}

  /** One response. Never rejects; any other number of responses is an error. */
  async generate(http: Request, name: string, version: string): Promise<Response> {
    try {
      const { model, request } = await this.#read(http, name, version);
      const watched = this.watch.watch(http);
      request.signal = watched.controller.signal;
      try {
        const sink = new SingleResponse(watched.controller);
        this.server.infer(model, request, sink);
        const json = bytesOf(generateJson(await sink.promise));
        return new Response(streamOf(json), JSON_INIT);
      } finally {
        this.watch.done(watched);
      }
    } catch (error) {
      return errorResponse(error);
    }
  }

  /** Any number of responses as events. Never rejects; the status is that of the first response, later errors are events. */
  async stream(http: Request, name: string, version: string): Promise<Response> {
    let watched: Watched | undefined;
    try {
      const { model, request } = await this.#read(http, name, version);
      watched = this.watch.watch(http);
      request.signal = watched.controller.signal;
      const responses = this.server.inferStream(model, request)[Symbol.asyncIterator]();
      request.signal.addEventListener("abort", () => responses.return?.(), { once: true });
      const first = await responses.next();
      return new Response(this.#events(first, responses, watched), EVENTS_INIT);
    } catch (error) {
      if (watched) this.watch.done(watched);
      return errorResponse(error);
    }
  }

  async #read(http: Request, name: string, version: string) {
    const model: Model = this.server.repository.find(name, version);
    const encoding = http.headers.get("content-encoding");
    if (encoding !== null && encoding !== "" && encoding !== "identity") throw generateEncoding(encoding);
    const { maxInputSize, headerForwardPattern } = this.options;
    const body = await readBody(http, maxInputSize, (size) => jsonTooLarge(size, maxInputSize));
    const request = readGenerateRequest(model, version, body);
    if (headerForwardPattern) forwardHeaders(request, http.headers, headerForwardPattern);
    return { model, request };
  }

  #events(
    first: IteratorResult<InferenceResponse>,
    responses: AsyncIterator<InferenceResponse>,
    watched: Watched,
  ): ReadableStream<Uint8Array> {
    let begun = false;
    let gone = false;
    const over = () => this.watch.done(watched);
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        let text = "";
        let end = false;
        try {
          const { done, value } = begun ? await responses.next() : first;
          begun = true;
          if (done) end = true;
          else text = eventOf(generateJson(value));
        } catch (thrown) {
          text = eventOf(JSON.stringify({ error: Status.from(thrown).message }));
          end = true;
        }
        if (gone) return;
        if (text !== "") controller.enqueue(bytesOf(text));
        if (!end) return;
        over();
        controller.close();
      },
      cancel() {
        gone = true;
        over();
        watched.controller.abort();
      },
    }, { highWaterMark: 0 });
  }
}

/** The sink of a call that wants one response, from models that may send any number: the second one ends the work. */
class SingleResponse implements ResponseSink {
  #response: InferenceResponse | undefined;
  readonly #outcome = Promise.withResolvers<InferenceResponse>();

  /** @param controller of the request. */
  constructor(private readonly controller: AbortController) {}

  /** Rejects with a Status. */
  get promise(): Promise<InferenceResponse> {
    return this.#outcome.promise;
  }

  respond(response: InferenceResponse): void {
    if (this.#response) {
      this.#outcome.reject(generateResponseCount());
      this.controller.abort();
    } else this.#response = response;
  }

  finish(error?: Status): void {
    if (error) this.#outcome.reject(error);
    else if (this.#response) this.#outcome.resolve(this.#response);
    else this.#outcome.reject(generateResponseCount());
  }
}

/** A body that is sent in chunks, as all answers of this extension are. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
