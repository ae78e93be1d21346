/** Milliseconds before connections are accepted again after the system refused one (too many open files). */
const ACCEPT_PAUSE_MS = 50;
/** Quiet connections that are ended then, to make room. */
const MAX_ENDED_FOR_ROOM = 32;

/** One client's connection, whatever it speaks. */
export interface ServedConnection {
  /** Has had nothing to do since it was last looked after. */
  readonly quiet: boolean;
  /** Serves until the connection is closed; never rejects. */
  serve(): Promise<void>;
  /** Takes nothing more; closes when what runs is answered. */
  finish(): void;
  close(): void;
  /** Ends what waits too long for its client, and gives back what is no longer needed. */
  lookAfter(now: number): void;
}

/** Where to listen. */
export interface TcpServerOptions {
  /** Address to listen on, as `0.0.0.0`. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Other processes may listen at the port, too. */
  readonly reusePort: boolean;
  /** How often connections are looked after. */
  readonly sweepMs: number;
}

/** Accepts the connections of a TCP port and keeps them until they end. */
export class TcpServer {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<ServedConnection>();
  /** Of which nothing is known yet. */
  readonly #new = new Set<Deno.TcpConn>();
  readonly #sweep: ReturnType<typeof setInterval>;
  readonly #over = Promise.withResolvers<void>();
  #stopping = false;

  /**
   * @param begin makes a connection's server; undefined for a client that goes without a word. Never rejects.
   * @throws the system's error where the port cannot be opened.
   */
  constructor(
    { hostname, port, reusePort, sweepMs }: TcpServerOptions,
    private readonly begin: (conn: Deno.TcpConn) => ServedConnection | Promise<ServedConnection | undefined>,
  ) {
    this.#listener = Deno.listen({ hostname, port, reusePort });
    this.port = this.#listener.addr.port;
    this.#sweep = setInterval(() => {
      const now = performance.now();
      for (const connection of this.#connections) connection.lookAfter(now);
    }, sweepMs);
    Deno.unrefTimer(this.#sweep);
    this.#accept();
  }

  /** Accepts nothing more; resolves when all connections have ended. */
  async shutdown(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      clearInterval(this.#sweep);
      this.#listener.close();
      for (const conn of this.#new) closeQuietly(conn);
      for (const connection of this.#connections) connection.finish();
    }
    if (this.#connections.size > 0) await this.#over.promise;
  }

  /** Closes what is left. */
  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<void> {
    while (!this.#stopping) {
      try {
        this.#serve(await this.#listener.accept());
      } catch (error) {
        if (this.#stopping) return;
        if (clientWasGone(error)) continue;
        this.#makeRoom();
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    if (this.#stopping) return closeQuietly(conn);
    try {
      conn.setNoDelay(true);
      // finds out, in hours, that the other machine has gone without a word
      conn.setKeepAlive(true);
    } catch {
      // the client has gone already, and reading will tell
    }
    let connection = this.begin(conn);
    if (connection instanceof Promise) {
      this.#new.add(conn);
      const begun = await connection;
      this.#new.delete(conn);
      if (begun === undefined || this.#stopping) return closeQuietly(conn);
      connection = begun;
    }
    this.#connections.add(connection);
    await connection.serve();
    this.#connections.delete(connection);
    if (this.#stopping && this.#connections.size === 0) this.#over.resolve();
  }

  /** Ends connections that have been quiet, the oldest first, so that others can come. */
  #makeRoom(): void {
    let ended = 0;
    for (const connection of this.#connections) {
      if (!connection.quiet) continue;
      connection.finish();
      if (++ended === MAX_ENDED_FOR_ROOM) return;
    }
  }
}

/** Whether accepting failed for one client only, which had gone before it was its turn: the next may be accepted at once. */
export function clientWasGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.ConnectionReset;
}

/** Closes a connection that may be closed already. */
export function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // closed already
  }
}
