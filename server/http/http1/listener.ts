import { TcpServer } from "../../tcp_server.ts";
import { type Answer, Http1Connection, PATIENCE, type Patience } from "./connection.ts";
import { HeadCache } from "./head.ts";

/** What a listener is told beside where to listen. */
export interface ListenerOptions {
  /** Other processes may listen at the port, too. */
  readonly reusePort?: boolean;
  readonly patience?: Patience;
}

/**
 * HTTP/1.1 on a TCP port, without TLS: keep-alive, pipelining (in order), chunks both ways, `Expect: 100-continue`.
 *
 * `Deno.serve` would be the shorter way, but in this Deno it closes the connection after every request whose body did not
 * come with the first kilobyte (denoland/deno#36657), and large bodies cost it about twice the CPU time.
 *
 * @throws the system's error where the port cannot be opened.
 */
export function listenHttp1(
  hostname: string,
  port: number,
  answer: Answer,
  { reusePort = false, patience = PATIENCE }: ListenerOptions = {},
): TcpServer {
  const heads = new HeadCache();
  return new TcpServer(
    { hostname, port, reusePort, sweepMs: patience.sweepMs },
    (conn) => new Http1Connection(conn, heads, answer, patience),
  );
}
