import { atMost } from "../../at_most.ts";
import { HeadCache } from "../../http/http1/head.ts";
import { clientWasGone, Http1Connection } from "../../http/http1/listener.ts";
import { answerHttp1 } from "./http1_calls.ts";
import { Http2Connection } from "./http2/connection.ts";
import { FrameReader } from "./http2/frame_reader.ts";
import { HELLO_MS } from "./http2/limits.ts";
import type { GrpcHandler, GrpcTransport, ListeningTransport, TransportOptions } from "./transport.ts";

/** Milliseconds before connections are accepted again after the system refused one (too many open files). */
const ACCEPT_PAUSE_MS = 50;
/** Milliseconds between looks at connections whose clients are slow, or that hold memory they no longer need. */
const SWEEP_MS = 5000;

type Connection = Http1Connection | Http2Connection;

class SocketListener implements ListeningTransport {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Connection>();
  /** Connections on which nothing has been said. */
  readonly #silent = new Set<Deno.TcpConn>();
  readonly #heads = new HeadCache();
  readonly #answer: (request: Request) => Promise<Response>;
  readonly #sweep: ReturnType<typeof setInterval>;
  #stopping = false;
  readonly #over = Promise.withResolvers<void>();

  constructor({ hostname, port, reusePort }: TransportOptions, private readonly handler: GrpcHandler) {
    this.#listener = Deno.listen({ hostname, port, reusePort });
    this.port = this.#listener.addr.port;
    this.#answer = answerHttp1(handler);
    this.#sweep = setInterval(() => this.#look(), SWEEP_MS);
    Deno.unrefTimer(this.#sweep);
    this.#accept();
  }

  async stop(graceMs: number): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      clearInterval(this.#sweep);
      this.#listener.close();
      for (const conn of this.#silent) close(conn);
      for (const connection of this.#connections) connection.finish();
    }
    if (this.#connections.size > 0) await atMost(this.#over.promise, graceMs);
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<void> {
    while (!this.#stopping) {
      try {
        this.#serve(await this.#listener.accept());
      } catch (error) {
        if (this.#stopping) return;
        if (clientWasGone(error)) continue;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const connection = await this.#greet(conn);
    if (connection === undefined || this.#stopping) return close(conn);
    this.#connections.add(connection);
    await connection.serve();
    this.#connections.delete(connection);
    if (this.#stopping && this.#connections.size === 0) this.#over.resolve();
  }

  /** Finds out which protocol a client speaks. @returns undefined for one that said nothing. */
  async #greet(conn: Deno.TcpConn): Promise<Connection | undefined> {
    this.#silent.add(conn);
    const timer = setTimeout(() => close(conn), HELLO_MS);
    Deno.unrefTimer(timer);
    try {
      conn.setNoDelay(true);
      // finds out, in hours, that the other machine has gone without a word
      conn.setKeepAlive(true);
      const reader = new FrameReader(conn);
      if (await reader.preface()) return new Http2Connection(conn, reader, this.handler);
      if (reader.rest.length > 0) return new Http1Connection(replaying(conn, reader.rest), this.#heads, this.#answer);
    } catch {
      // gone before it began
    } finally {
      clearTimeout(timer);
      this.#silent.delete(conn);
    }
  }

  #look(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (connection instanceof Http2Connection) connection.lookAfter(now);
      else connection.closeIfSlow(now);
    }
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // closed already
  }
}

/** The connection, on which `bytes` are read first. */
function replaying(conn: Deno.TcpConn, bytes: Uint8Array): Deno.TcpConn {
  const read = conn.read.bind(conn);
  let left = bytes;
  conn.read = (into) => {
    if (left.length === 0) return read(into);
    const count = Math.min(left.length, into.length);
    into.set(left.subarray(0, count));
    left = left.subarray(count);
    return Promise.resolve(count);
  };
  return conn;
}

/**
 * gRPC over HTTP/2 (h2c) on sockets of our own, the shortest way between a client's bytes and a call; HTTP/1.1 on the
 * same port, for gRPC-Web and Connect.
 */
export const socketTransport: GrpcTransport = {
  name: "socket",
  start: (options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport> =>
    Promise.resolve().then(() => new SocketListener(options, handler)),
};
