import { onCancel, setTrailers, wholeBody } from "./deno_internals.ts";
import type {
  GrpcCall,
  GrpcHandler,
  GrpcReply,
  GrpcTransport,
  ListeningTransport,
  TransportOptions,
} from "./transport.ts";

const NOTHING = Promise.resolve(undefined);

class DenoCall implements GrpcCall {
  readonly url: string;
  readonly path: string;
  #abort: AbortController | undefined;
  /** The body came in one piece, which was read. */
  #whole = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** @param running the calls of the server, which this one joins until it is answered. */
  constructor(readonly request: Request, private readonly running: Set<DenoCall>) {
    running.add(this);
    this.url = request.url;
    this.path = pathOf(this.url);
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      // Sees calls that carry trailers only: for others the runtime warns of a habit of request.signal.
      if (this.headers.get("te") === "trailers") onCancel(this.request, () => this.cancel());
    }
    return this.#abort.signal;
  }

  /** Nobody waits for the answer any more: aborts {@link signal} unless it was complete. */
  cancel(): void {
    if (this.running.delete(this)) this.#abort?.abort();
  }

  /** The answer is complete. */
  answered(): void {
    this.running.delete(this);
  }

  get method(): string {
    return this.request.method;
  }

  get headers(): Headers {
    return this.request.headers;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#whole) return NOTHING;
    if (!this.#reader) {
      const whole = wholeBody(this.request);
      if (whole) {
        this.#whole = true;
        return Promise.resolve(whole);
      }
      if (!this.request.body) return NOTHING;
      this.#reader = this.request.body.getReader();
    }
    return this.#reader.read().then(({ value }) => value);
  }
}

/** The path of an absolute URL, without parsing the rest. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const query = url.indexOf("?", start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}

/**
 * The Response for a reply. Its body is always a stream, also for a reply of one piece: a static body ends the HTTP/2
 * stream on its last DATA frame and loses the trailers.
 */
function toResponse(call: DenoCall, reply: GrpcReply): Response {
  const { body } = reply;
  const init = { status: reply.status, headers: reply.headers as [string, string][] };
  if (body !== undefined && !(body instanceof Uint8Array)) return new Response(streamOf(call, body, reply), init);
  end(call, reply);
  return new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        if (body) controller.enqueue(body);
        controller.close();
      },
    }),
    init,
  );
}

/** Called before the last piece leaves: trailers come too late afterwards. */
function end(call: DenoCall, { trailers }: GrpcReply): void {
  if (trailers) setTrailers(call.request, typeof trailers === "function" ? trailers() : trailers);
  call.answered();
}

function streamOf(call: DenoCall, body: AsyncIterator<Uint8Array>, reply: GrpcReply): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await body.next();
        if (!next.done) return controller.enqueue(next.value);
        end(call, reply);
        controller.close();
      } catch (error) {
        try {
          controller.error(error);
        } catch { /* the client cancelled: the stream is gone */ }
      }
    },
    async cancel() {
      call.cancel();
      try {
        await body.return?.();
      } catch { /* nobody is left to tell */ }
    },
  }, { highWaterMark: 0 });
}

/** What Deno.serve sends when answering failed; its own default is a static body, which cancelled calls do not bear. */
function onError(): Response {
  return new Response(new ReadableStream({ start: (controller) => controller.close() }), { status: 500 });
}

/**
 * gRPC on `Deno.serve` (h2c), with trailers through {@link setTrailers}. Limits of the runtime: 200 streams at once on
 * a connection, 16 KiB of request headers.
 */
export const denoTransport: GrpcTransport = {
  name: "deno",
  start(options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport> {
    const running = new Set<DenoCall>();
    const server = Deno.serve(
      { hostname: options.hostname, port: options.port, reusePort: options.reusePort, onListen() {}, onError },
      async (request) => {
        const call = new DenoCall(request, running);
        return toResponse(call, await handler(call));
      },
    );
    return Promise.resolve({
      port: server.addr.port,
      async stop(graceMs) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        const late = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
        await Promise.race([server.shutdown(), late]);
        clearTimeout(timer);
        // A server that shuts down takes no further orders: what is left hears that nobody waits, and is left behind.
        for (const call of [...running]) call.cancel();
      },
    });
  },
};
