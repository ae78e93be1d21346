import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import {
  type GrpcCall,
  type GrpcHandler,
  type GrpcReply,
  type GrpcTransport,
  isSendable,
  type ListeningTransport,
  type TransportOptions,
} from "./transport.ts";

const STREAM_WINDOW = 8 << 20;
const SESSION_WINDOW = 32 << 20;

class NodeCall implements GrpcCall {
  readonly method: string;
  readonly path: string;
  readonly url: string;
  readonly headers = new Headers();
  readonly #abort = new AbortController();
  readonly signal: AbortSignal = this.#abort.signal;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(readonly stream: ServerHttp2Stream, headers: Record<string, string | string[] | undefined>) {
    this.method = String(headers[":method"]);
    const target = String(headers[":path"]);
    this.path = target.split("?", 1)[0];
    this.url = `http://${headers[":authority"] ?? "localhost"}${target}`;
    for (const name in headers) {
      if (name.startsWith(":")) continue;
      const value = headers[name];
      for (const item of Array.isArray(value) ? value : [value ?? ""]) this.#addHeader(name, item);
    }
    stream.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)); // slice() of a Buffer aliases
      stream.pause();
      this.#wake?.();
    });
    stream.on("end", () => this.#end());
    stream.on("error", () => this.#end());
    stream.on("close", () => {
      this.#abort.abort();
      this.#end();
    });
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0 && !this.#ended) {
      this.stream.resume();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#chunks.shift();
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  #addHeader(name: string, value: string): void {
    try {
      this.headers.append(name, value);
    } catch { /* what fetch's Headers refuse is of no use to gRPC either */ }
  }
}

/** Sends a reply. Every step looks whether the stream still lives: node throws where it does not. */
async function send(stream: ServerHttp2Stream, reply: GrpcReply): Promise<void> {
  const { body, trailers } = reply;
  if (stream.destroyed || stream.closed) {
    if (body && !(body instanceof Uint8Array)) await body.return?.();
    return;
  }
  if (trailers) {
    stream.on("wantTrailers", () => {
      if (stream.destroyed || stream.closed) return;
      const fields = typeof trailers === "function" ? trailers() : trailers;
      stream.sendTrailers(Object.fromEntries(fields.filter(isSendable)));
    });
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of reply.headers) headers[name] = value;
  stream.respond({ ":status": reply.status, ...headers }, { waitForTrailers: trailers !== undefined });
  if (body === undefined || body instanceof Uint8Array) {
    if (body) stream.end(body);
    else stream.end();
    return;
  }
  stream.on("close", () => void body.return?.()?.catch(() => {}));
  for (;;) {
    const next = await body.next();
    if (stream.destroyed || stream.closed) return;
    if (next.done) break;
    if (!stream.write(next.value)) await drained(stream);
    if (stream.destroyed || stream.closed) return;
  }
  stream.end();
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    stream.once("drain", resolve);
    stream.once("close", resolve);
  });
}

/**
 * Makes a session safe to close in Deno: its native part frees itself at once, also while it is still reading (as on a
 * GOAWAY frame), so closing waits for the next turn of the event loop.
 */
function harden(session: ServerHttp2Session): void {
  const close = session.close.bind(session), destroy = session.destroy.bind(session);
  let destroying = false;
  session.close = (callback?: () => void) => {
    setImmediate(() => close(callback));
  };
  session.destroy = (error?: Error, code?: number) => {
    if (destroying) return;
    destroying = true;
    setImmediate(() => destroy(error, code));
  };
  session.on("error", () => {}); // the call's own stream ends with it
  session.setLocalWindowSize?.(SESSION_WINDOW);
}

/** gRPC on `node:http2` (h2c), the platform's own: behind the same seam, at several times the CPU time. */
export const nodeTransport: GrpcTransport = {
  name: "node",
  async start(options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport> {
    const sessions = new Set<ServerHttp2Session>();
    const server = createServer({ settings: { initialWindowSize: STREAM_WINDOW, maxConcurrentStreams: 1000 } });
    server.on("session", (session: ServerHttp2Session) => {
      harden(session);
      sessions.add(session);
      session.on("close", () => sessions.delete(session));
    });
    server.on("sessionError", () => {});
    server.on("stream", (stream: ServerHttp2Stream, headers: Record<string, string | string[] | undefined>) => {
      const call = new NodeCall(stream, headers);
      handler(call).then((reply) => send(stream, reply)).catch(() => {
        if (!stream.destroyed && !stream.closed) stream.close(2);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: options.hostname, port: options.port, reusePort: options.reusePort }, resolve);
    });
    return {
      port: (server.address() as AddressInfo).port,
      async stop(graceMs) {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        for (const session of sessions) session.close();
        let timer: ReturnType<typeof setTimeout> | undefined;
        const late = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
        await Promise.race([closed, late]);
        clearTimeout(timer);
        for (const session of sessions) session.destroy();
      },
    };
  },
};
