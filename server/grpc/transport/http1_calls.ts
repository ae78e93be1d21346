import { DirectResponse } from "../../http/direct_response.ts";
import type { Field, GrpcCall, GrpcHandler, GrpcReply, Metadata } from "./transport.ts";

/** A call that came over HTTP/1.1, as those of gRPC-Web and Connect may. */
class Http1Call implements GrpcCall {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly #abort = new AbortController();
  #body: AsyncIterator<Uint8Array> | undefined;

  constructor(private readonly request: Request) {
    this.method = request.method;
    this.url = request.url;
    this.path = new URL(request.url).pathname;
  }

  get headers(): Metadata {
    return this.request.headers as unknown as Metadata;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async read(): Promise<Uint8Array | undefined> {
    this.#body ??= (this.request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    try {
      const { value, done } = await this.#body.next();
      if (!done) return value;
      // Only now can the connection be watched: what comes on it is the client leaving.
      this.request.signal.addEventListener("abort", () => this.cancel(), { once: true });
    } catch {
      this.cancel();
    }
    return undefined;
  }

  cancel(): void {
    this.#abort.abort();
  }
}

/** Answers HTTP/1.1 requests on the gRPC port with the handler of its calls. */
export function answerHttp1(handler: GrpcHandler): (request: Request) => Promise<Response> {
  return async (request) => {
    const type = request.headers.get("content-type") ?? "";
    if (/^application\/grpc($|[+;])/.test(type)) return NEEDS_HTTP2;
    const call = new Http1Call(request);
    return responseOf(call, await handler(call));
  };
}

const NEEDS_HTTP2 = new DirectResponse(
  505,
  ["content-type", "text/plain; charset=utf-8"],
  "gRPC needs HTTP/2. Over HTTP/1.1 this port speaks gRPC-Web (application/grpc-web) and Connect (application/json).\n",
);

function responseOf(call: Http1Call, { status, headers, body }: GrpcReply): Response {
  const init = { status, headers: headers as Field[] as [string, string][] };
  if (body === undefined) return new Response(null, init);
  if (body instanceof Uint8Array) return new Response(body as Uint8Array<ArrayBuffer>, init);
  return new Response(
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { value, done } = await body.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        call.cancel();
        await body.return?.();
      },
    }, { highWaterMark: 0 }),
    init,
  );
}
