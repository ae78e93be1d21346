import { atMost } from "../../at_most.ts";
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

/** How long connections have to take the last answers, when the server stops: what runs on them is over then. */
const FLUSH_MS = 1000;
/** Slower clients than this lose a large answer that was sent just before the server stopped. */
const FLUSH_BYTES_PER_MS = 1000;

/** Answers below this need no time of their own. */
const LARGE_BYTES = 100_000;

/** The calls of a server that are not answered yet. */
class RunningCalls {
  readonly calls = new Set<DenoCall>();
  /** When the answers that were given should have reached their clients: a time of `performance.now()`. */
  #flushed = 0;
  #idle: (() => void) | undefined;

  add(call: DenoCall): void {
    this.calls.add(call);
  }

  /** @returns false for a call that was answered before. */
  delete(call: DenoCall): boolean {
    const deleted = this.calls.delete(call);
    if (this.calls.size === 0) this.#idle?.();
    return deleted;
  }

  /** An answer whose last piece has `bytes` bytes was given to the runtime, which sends it. */
  sent(bytes: number): void {
    this.#flushed = Math.max(this.#flushed, performance.now() + bytes / FLUSH_BYTES_PER_MS);
  }

  /** Resolves when no call runs any more. */
  async over(): Promise<void> {
    if (this.calls.size > 0) await new Promise<void>((resolve) => this.#idle = resolve);
  }

  /** Milliseconds that the answers may still take to their clients. */
  get flushMs(): number {
    return Math.max(0, this.#flushed - performance.now()) + FLUSH_MS;
  }
}

class DenoCall implements GrpcCall {
  readonly url: string;
  readonly path: string;
  #abort: AbortController | undefined;
  /** The body came in one piece, which was read. */
  #whole = false;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** @param running the calls of the server, which this one joins until it is answered. */
  constructor(readonly request: Request, private readonly running: RunningCalls) {
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

  /** The answer is complete, with a last piece of `bytes` bytes. */
  answered(bytes = 0): void {
    if (bytes > LARGE_BYTES) this.running.sent(bytes);
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
  end(call, reply, body?.length);
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
function end(call: DenoCall, { trailers }: GrpcReply, bytes?: number): void {
  if (trailers) setTrailers(call.request, typeof trailers === "function" ? trailers() : trailers);
  call.answered(bytes);
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
 * a connection, 16 KiB of request headers, and 20 cancelled streams that it has not got round to: more of them at once
 * close the connection (GOAWAY, ENHANCE_YOUR_CALM, "too_many_resets"), which guards against floods of resets.
 */
export const denoTransport: GrpcTransport = {
  name: "deno",
  start(options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport> {
    const running = new RunningCalls();
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
        // Connections on which nothing runs may never close: some clients neither answer nor go away.
        const closed = server.shutdown();
        await atMost(Promise.race([closed, running.over()]), graceMs);
        if (running.calls.size === 0) await atMost(closed, Math.min(graceMs, running.flushMs));
        // A server that shuts down takes no further orders: what is left hears that nobody waits, and is left behind.
        for (const call of [...running.calls]) call.cancel();
      },
    });
  },
};
