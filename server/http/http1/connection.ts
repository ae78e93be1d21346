import { malformedHttp } from "../../../core/errors/http.ts";
import type { ServedConnection } from "../../tcp_server.ts";
import { DirectResponse } from "../direct_response.ts";
import { errorResponse } from "../respond.ts";
import { BadHead, type Head, type HeadCache } from "./head.ts";
import { Disconnected, Input } from "./input.ts";
import { Output } from "./output.ts";
import { Http1Request } from "./request.ts";

/** How long a connection waits for a client that does not go on; all in milliseconds. */
export interface Patience {
  /** For the whole head of a request, once it has begun. */
  readonly headMs: number;
  /** For the next bytes of a body, and for an answer's next bytes to be taken. */
  readonly stallMs: number;
  /** For a client to end a connection that it has been told is over, and on which it may still be sending. */
  readonly lingerMs: number;
  /** How often all that is looked after. */
  readonly sweepMs: number;
}

/** As long as clients need that are slow and not gone. */
export const PATIENCE: Patience = { headMs: 60_000, stallMs: 300_000, lingerMs: 30_000, sweepMs: 5_000 };
/** `lingerMs` while the server stops. */
const LAST_LINGER_MS = 1_000;

/** Answers a request; what it throws becomes an error response. */
export type Answer = (request: Request) => Response | Promise<Response>;

/** One client's connection: its requests, one after the other. */
export class Http1Connection implements ServedConnection {
  readonly #input: Input;
  readonly #output: Output;
  readonly #sendContinue: () => Promise<void>;
  /** Waits for a request; nothing of one has come. */
  #idle = true;
  #stopping = false;
  #closed = false;
  /** The client may still be sending what nobody reads. */
  #unread = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #requests = 0;
  /** Since when the client has been waited for. */
  #slowSince = 0;
  /** How far it was when that was last looked at. */
  #progress = 0;

  constructor(
    private readonly conn: Deno.Conn,
    private readonly heads: HeadCache,
    private readonly answer: Answer,
    private readonly patience: Patience = PATIENCE,
  ) {
    this.#input = new Input(conn);
    this.#output = new Output(conn);
    this.#sendContinue = () => this.#output.interim("HTTP/1.1 100 Continue\r\n\r\n");
  }

  /** Has had nothing to do since it was last looked after. */
  get quiet(): boolean {
    return this.#idle && this.#input.available === 0 && this.#idleProgress === this.#progress;
  }

  /** Between requests the next head is what counts, not its bytes: it has to come as a whole. Negative, unlike bytes. */
  get #idleProgress(): number {
    return -1 - this.#requests;
  }

  /** Serves until the connection ends; never rejects. */
  async serve(): Promise<void> {
    try {
      while (await this.#next());
    } catch (error) {
      if (error instanceof BadHead && !this.#closed) await this.#refuse(error).catch(() => {});
      // everything else is a connection that broke: there is nobody to tell
    }
    if (this.#unread && !this.#closed) await this.#lingerOn();
    this.close();
  }

  /** Closes after the request that runs; at once if none does. */
  finish(): void {
    this.#stopping = true;
    if (this.#idle) this.close();
    else if (this.#linger !== undefined) {
      clearTimeout(this.#linger);
      this.#linger = setTimeout(() => this.close(), LAST_LINGER_MS);
    }
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

  /** Ends a connection whose client takes too long: for a head, for the next bytes of a body, or to read its answer. */
  lookAfter(now: number): void {
    const waits = this.#idle ? this.#input.available > 0 : this.#input.waiting || this.#output.waiting;
    const progress = this.#idle ? this.#idleProgress : this.#input.reads + this.#output.writes;
    if (!waits || progress !== this.#progress) this.#slowSince = now;
    else if (now - this.#slowSince > (this.#idle ? this.patience.headMs : this.patience.stallMs)) this.close();
    this.#progress = progress;
  }

  /** One request and its answer. @returns false when the connection is over. */
  async #next(): Promise<boolean> {
    const text = await this.#input.head();
    if (text === null) return false;
    this.#idle = false;
    this.#requests++;
    const head = this.heads.parse(text);
    const request = new Http1Request(head, this.#input, this.#sendContinue);
    const response = await this.#respond(request);
    request.answered();
    const close = await this.#output.answer(head, response, this.#stopping || !head.keepAlive || !request.reusable);
    if (close || this.#stopping || !request.bodyRead && !await request.drain()) {
      this.#unread = !request.bodyRead || this.#input.available > 0;
      return false;
    }
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
    this.#idle = false;
    this.#unread = true;
    const body = JSON.stringify({ error: malformedHttp(message).message });
    const response = new DirectResponse(status, ["content-type", "application/json"], body);
    await this.#output.answer(REFUSED, response, true);
  }

  /**
   * Says that nothing more comes, and reads what the client still sends, for a while. Closing at once would have the
   * system answer those bytes with a reset, which makes clients lose the answer before they have read it.
   */
  async #lingerOn(): Promise<void> {
    this.#linger = setTimeout(() => this.close(), this.#stopping ? LAST_LINGER_MS : this.patience.lingerMs);
    try {
      await this.conn.closeWrite();
      await this.#input.discard();
    } catch {
      // broken, or closed by the timer
    }
    clearTimeout(this.#linger);
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
