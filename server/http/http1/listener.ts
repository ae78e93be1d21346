import { malformedHttp } from "../../../core/errors/http.ts";
import { DirectResponse } from "../direct_response.ts";
import { errorResponse } from "../respond.ts";
import { BadHead, type Head, HeadCache } from "./head.ts";
import { Disconnected, Input, MAX_HEAD_BYTES } from "./input.ts";
import { Output } from "./output.ts";
import { Http1Request } from "./request.ts";

/** Milliseconds that a client has for the head of a request, once it has begun. */
const HEAD_TIMEOUT_MS = 60_000;
const SWEEP_MS = 5_000;
/** Milliseconds before connections are accepted again after the system refused one (too many open files). */
const ACCEPT_PAUSE_MS = 50;

/** Answers a request; what it throws becomes an error response. */
export type Answer = (request: Request) => Response | Promise<Response>;

/**
 * HTTP/1.1 on a TCP port, without TLS: keep-alive, pipelining (in order), chunks both ways, `Expect: 100-continue`.
 *
 * `Deno.serve` would be the shorter way, but in this Deno it closes the connection after every request whose body did not
 * come with the first kilobyte (denoland/deno#36657), and large bodies cost it about twice the CPU time.
 */
export class Http1Listener {
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Http1Connection>();
  readonly #heads = new HeadCache();
  readonly #sweep: ReturnType<typeof setInterval>;
  #stopping = false;
  readonly #empty = Promise.withResolvers<void>();

  /** @throws the system's error where the port cannot be opened. */
  constructor(hostname: string, port: number, private readonly answer: Answer) {
    this.#listener = Deno.listen({ hostname, port });
    this.#sweep = setInterval(() => this.#closeSlow(), SWEEP_MS);
    Deno.unrefTimer(this.#sweep);
    this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** Accepts nothing more and closes idle connections; resolves when the requests in progress have their answers. */
  async shutdown(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      clearInterval(this.#sweep);
      this.#listener.close();
      for (const connection of this.#connections) connection.finish();
    }
    if (this.#connections.size > 0) await this.#empty.promise;
  }

  async #accept(): Promise<void> {
    while (!this.#stopping) {
      try {
        const conn = await this.#listener.accept();
        conn.setNoDelay(true);
        const connection = new Http1Connection(conn, this.#heads, this.answer);
        this.#connections.add(connection);
        connection.serve().finally(() => {
          this.#connections.delete(connection);
          if (this.#stopping && this.#connections.size === 0) this.#empty.resolve();
        });
      } catch {
        if (this.#stopping) return;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #closeSlow(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.closeIfSlow(now);
  }
}

/** One client's connection: its requests, one after the other. */
export class Http1Connection {
  readonly #input: Input;
  readonly #output: Output;
  /** Waits for a request; nothing of one has come. */
  #idle = true;
  #stopping = false;
  #closed = false;
  /** When the head that is being read began to come; 0 while none is. */
  #headSince = 0;

  constructor(private readonly conn: Deno.Conn, private readonly heads: HeadCache, private readonly answer: Answer) {
    this.#input = new Input(conn);
    this.#output = new Output(conn);
  }

  /** Serves until the connection ends; never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#next());
    } catch (error) {
      if (error instanceof BadHead && !this.#closed) await this.#refuse(error).catch(() => {});
      // everything else is a connection that broke: there is nobody to tell
    }
    this.close();
  }

  /** Closes after the request that runs; at once if none does. */
  finish(): void {
    this.#stopping = true;
    if (this.#idle) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.conn.close();
    } catch {
      // closed by the other side meanwhile
    }
  }

  /** Ends a connection whose client takes too long for a head. */
  closeIfSlow(now: number): void {
    if (!this.#idle || this.#input.available === 0) this.#headSince = 0;
    else if (this.#headSince === 0) this.#headSince = now;
    else if (now - this.#headSince > HEAD_TIMEOUT_MS) this.close();
  }

  /** One request and its answer. @returns false when the connection is over. */
  async #next(): Promise<boolean> {
    const text = await this.#input.head();
    if (text === null) return false;
    this.#idle = false;
    if (text === undefined) throw new BadHead(431, `its head is longer than ${MAX_HEAD_BYTES} bytes`);
    const head = this.heads.parse(text);
    const request = new Http1Request(head, this.#input, () => {
      this.#output.raw("HTTP/1.1 100 Continue\r\n\r\n").catch(() => this.close());
    });
    const response = await this.#respond(request);
    const close = !head.keepAlive || this.#stopping || !request.bodyRead && head.length > 0 && head.expectsContinue;
    await this.#output.answer(head, response, close);
    if (close || this.#stopping || !await request.drain()) return false;
    this.#idle = true;
    return !this.#stopping;
  }

  async #respond(request: Http1Request): Promise<Response> {
    try {
      const response = this.answer(request as unknown as Request);
      return response instanceof Promise ? await response : response;
    } catch (thrown) {
      if (thrown instanceof BadHead || thrown instanceof Disconnected) throw thrown;
      return errorResponse(thrown);
    }
  }

  async #refuse({ status, message }: BadHead): Promise<void> {
    const body = JSON.stringify({ error: malformedHttp(message).message });
    const response = new DirectResponse(status, ["content-type", "application/json"], body);
    await this.#output.answer(REFUSED, response, true);
  }
}

/** Stands for the head that could not be read, when it is answered. */
const REFUSED: Head = {
  method: "",
  url: "",
  headers: new Map(),
  length: 0,
  keepAlive: false,
  minorVersion: 1,
  expectsContinue: false,
};
