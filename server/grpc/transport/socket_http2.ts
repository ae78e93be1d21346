import { atMost } from "../../at_most.ts";
import { Http1Connection } from "../../http/http1/connection.ts";
import { HeadCache } from "../../http/http1/head.ts";
import { closeQuietly, type ServedConnection, TcpServer } from "../../tcp_server.ts";
import { answerHttp1 } from "./http1_calls.ts";
import { Http2Connection } from "./http2/connection.ts";
import { FrameReader } from "./http2/frame_reader.ts";
import { HELLO_MS } from "./http2/limits.ts";
import type { GrpcHandler, GrpcTransport, ListeningTransport, TransportOptions } from "./transport.ts";

/** Milliseconds between looks at connections whose clients are slow, or that hold memory they no longer need. */
const SWEEP_MS = 5000;

/** Finds out which protocol a client speaks. */
class Greeter {
  readonly #heads = new HeadCache();
  readonly #answer: (request: Request) => Promise<Response>;

  constructor(private readonly handler: GrpcHandler) {
    this.#answer = answerHttp1(handler);
  }

  /** @returns undefined for a client that said nothing. */
  async greet(conn: Deno.TcpConn): Promise<ServedConnection | undefined> {
    const timer = setTimeout(() => closeQuietly(conn), HELLO_MS);
    Deno.unrefTimer(timer);
    try {
      const reader = new FrameReader(conn);
      if (await reader.preface()) return new Http2Connection(conn, reader, this.handler);
      if (reader.rest.length > 0) return new Http1Connection(replaying(conn, reader.rest), this.#heads, this.#answer);
    } catch {
      // gone before it began
    } finally {
      clearTimeout(timer);
    }
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
  // deno-lint-ignore require-await
  async start(options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport> {
    const greeter = new Greeter(handler);
    const server = new TcpServer({ ...options, sweepMs: SWEEP_MS }, (conn) => greeter.greet(conn));
    return {
      port: server.port,
      async stop(graceMs) {
        await atMost(server.shutdown(), graceMs);
        server.close();
      },
    };
  },
};
