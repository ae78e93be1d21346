import { encodeSendable, encodeStatus } from "./hpack/encoder.ts";
import { RequestBody } from "./request_body.ts";
import type { RequestHead } from "./request_head.ts";
import { freeMemory, LARGE_BYTES } from "../../../../core/memory.ts";
import type { GrpcCall, GrpcReply, Metadata } from "../transport.ts";

const NO_BYTES = new Uint8Array(0);

/** What a call asks of its connection. */
export interface CallOwner {
  /** Bytes of the request's body were taken, so that the client may send as many more. */
  consumed(call: Http2Call, bytes: number): void;
  /** The call has something to send. */
  sendable(call: Http2Call): void;
}

/** One stream of a connection: a request on its way in and its answer on its way out. */
export class Http2Call implements GrpcCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Metadata;

  /** The client has sent all of its body. */
  remoteEnded = false;
  /** Nothing is received or sent any more: answered whole, cancelled or broken. */
  closed = false;
  /** Bytes of body that the client may still send. */
  receiveWindow: number;
  /** Bytes taken since the client was last told. */
  unannounced = 0;
  /** What came of the request's body. */
  readonly requestBody: RequestBody = new RequestBody(this);

  #abort: AbortController | undefined;
  #cancelled = false;

  /** Header blocks and pieces of the answer that wait to be sent. */
  head: Uint8Array[] | undefined;
  piece: Uint8Array = NO_BYTES;
  /** What the piece fills, if that is large. */
  #memory: ArrayBufferLike | undefined;
  trailers: Uint8Array | undefined;
  /** No piece comes after the one that is there. */
  bodyEnded = false;
  /** The answer broke off: the stream is to be reset. */
  broken = false;
  #body: AsyncIterator<Uint8Array> | undefined;
  /** Hears that the piece was sent. */
  #taken: (() => void) | undefined;

  /**
   * @param receiveWindow bytes of body that the client may send unasked.
   * @param sendWindow bytes of body that the client takes unasked.
   */
  constructor(
    readonly id: number,
    readonly request: RequestHead,
    private readonly owner: CallOwner,
    receiveWindow: number,
    public sendWindow: number,
  ) {
    const { method, target, headers } = request;
    this.method = method;
    const query = target.indexOf("?");
    this.path = query < 0 ? target : target.slice(0, query);
    this.headers = headers;
    this.receiveWindow = receiveWindow;
  }

  get url(): string {
    return `${this.request.scheme}://${this.request.authority}${this.request.target}`;
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#cancelled) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  read(into?: Uint8Array): Promise<Uint8Array | undefined> {
    return this.requestBody.read(into);
  }

  /** Bytes of the body were taken. */
  consumed(bytes: number): void {
    this.owner.consumed(this, bytes);
  }

  /** The body is complete. */
  endOfBody(): void {
    this.remoteEnded = true;
    this.requestBody.end();
  }

  /** Begins the answer. */
  reply(reply: GrpcReply): void {
    const { body, trailers } = reply;
    if (this.closed) {
      if (body && !(body instanceof Uint8Array)) this.#body = body;
      this.#leaveBody();
      return;
    }
    this.head = [encodeStatus(reply.status), encodeSendable(reply.headers)];
    if (body === undefined || body instanceof Uint8Array) {
      if (body !== undefined && this.method !== "HEAD") this.#hold(body);
      this.#end(trailers);
    } else {
      this.#body = body;
      this.#pull(reply);
    }
    this.owner.sendable(this);
  }

  /** The piece was sent: the next one may be made. */
  pieceSent(): void {
    this.piece = NO_BYTES;
    if (this.#memory !== undefined) freeMemory([this.#memory]);
    this.#memory = undefined;
    this.#taken?.();
  }

  /** Has a piece sent next. */
  #hold(piece: Uint8Array): void {
    this.piece = piece;
    if (piece.length >= LARGE_BYTES && piece.length === piece.buffer.byteLength) this.#memory = piece.buffer;
  }

  /** Nobody waits for the answer any more. @returns the bytes of the body that nobody will read. */
  cancel(): number {
    if (this.closed) return 0;
    const unread = this.close();
    this.#cancelled = true;
    this.#abort?.abort();
    this.#leaveBody();
    return unread;
  }

  /** The answer was sent whole. @returns the bytes of the body that nobody will read. */
  close(): number {
    this.closed = true;
    this.#taken?.();
    return this.requestBody.leave();
  }

  /** Takes the answer's pieces one by one, each when the one before has been sent. */
  async #pull(reply: GrpcReply): Promise<void> {
    const body = this.#body!;
    try {
      for (;;) {
        const next = await body.next();
        if (this.closed) return;
        if (next.done) break;
        if (next.value.length === 0) continue;
        this.#hold(next.value);
        const taken = new Promise<void>((resolve) => this.#taken = resolve);
        this.owner.sendable(this);
        await taken;
        if (this.closed) return;
      }
      this.#end(reply.trailers);
    } catch {
      this.broken = true;
    }
    this.owner.sendable(this);
  }

  #end(trailers: GrpcReply["trailers"]): void {
    this.bodyEnded = true;
    const fields = typeof trailers === "function" ? trailers() : trailers;
    if (fields) this.trailers = encodeSendable(fields);
  }

  #leaveBody(): void {
    const body = this.#body;
    this.#body = undefined;
    body?.return?.().catch(() => {}); // nobody is left to tell
  }
}
