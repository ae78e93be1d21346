import { joinBytes } from "../../../core/bytes.ts";
import { BadHead, type Head } from "./head.ts";
import { Disconnected, type Input } from "./input.ts";

/** Memory that a body takes before it has come: a client may promise more than it sends. */
const FIRST_BYTES = 16 * 1024 * 1024;
/** What is read off of a body that nobody wanted, so that the connection can be used again. */
const MAX_DRAINED_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const MAX_LINE_BYTES = 4096;

/** Request headers, as the front end asks for them: by name, or all of them. */
class RequestHeaders {
  constructor(private readonly headers: ReadonlyMap<string, string>) {}

  get(name: string): string | null {
    return this.headers.get(name) ?? this.headers.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.headers.has(name.toLowerCase());
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.headers.entries();
  }

  forEach(callback: (value: string, name: string) => void): void {
    this.headers.forEach(callback);
  }
}

/**
 * A request with the part of `Request` that the front end and the router use, each made when it is asked for. Its body is
 * read from the connection when it is wanted.
 */
export class Http1Request {
  readonly method: string;
  readonly url: string;
  #headers: RequestHeaders | undefined;
  #signal: AbortSignal | undefined;
  #body: AsyncGenerator<Uint8Array, void> | undefined;
  /** Bytes of a sized body that have not been read. */
  #left: number;
  #chunksOver = false;

  /** @param sendContinue tells a client that waits for it to send its body. */
  constructor(private readonly head: Head, private readonly input: Input, private readonly sendContinue: () => void) {
    this.method = head.method;
    this.url = head.url;
    this.#left = head.length;
  }

  get headers(): RequestHeaders {
    return this.#headers ??= new RequestHeaders(this.head.headers);
  }

  /** Aborted when the client goes away before it has its answer. Ask for it when the body has been read. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      if (this.bodyRead) this.input.watch(() => controller.abort());
    }
    return this.#signal;
  }

  /** True when nothing of the body is left on the connection. */
  get bodyRead(): boolean {
    return this.head.length < 0 ? this.#chunksOver : this.#left === 0;
  }

  /** The pieces of the body, as they come. */
  get body(): AsyncIterable<Uint8Array> {
    return this.#body ??= this.head.length < 0 ? this.#chunks() : this.#pieces();
  }

  /** The whole body, in memory of its own. @throws Disconnected */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { length } = this.head;
    if (length < 0) return await this.#joined();
    this.#begin();
    let bytes = new Uint8Array(Math.min(length, FIRST_BYTES));
    await this.input.into(bytes);
    for (let at = bytes.length; at < length; at = bytes.length) {
      const larger = new Uint8Array(Math.min(length, at * 2));
      larger.set(bytes);
      await this.input.into(larger.subarray(at));
      bytes = larger;
    }
    this.#left = 0;
    return bytes;
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Reads off what nobody read. @returns false if that is too much: the connection has to be closed. */
  async drain(): Promise<boolean> {
    if (this.bodyRead) return true;
    // a client that still waits for its "100 Continue" may or may not send the body now
    if (this.head.expectsContinue || this.head.length > MAX_DRAINED_BYTES) return false;
    let drained = 0;
    for await (const piece of this.body) {
      drained += piece.length;
      if (drained > MAX_DRAINED_BYTES) return false;
    }
    // a body that broke off while it was read left the connection where no request begins
    return this.bodyRead;
  }

  #begin(): void {
    if (this.head.expectsContinue && this.input.available === 0) this.sendContinue();
  }

  async #joined(): Promise<Uint8Array<ArrayBuffer>> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.body) {
      pieces.push(piece);
      size += piece.length;
    }
    return joinBytes(pieces, size);
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void> {
    this.#begin();
    while (this.#left > 0) {
      const piece = await this.input.some(Math.min(this.#left, PIECE_BYTES));
      if (piece === null) throw new Disconnected("the connection ended in the middle of a body");
      this.#left -= piece.length;
      yield piece;
    }
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void> {
    this.#begin();
    for (;;) {
      const line = await this.input.line(MAX_LINE_BYTES);
      const size = line === undefined ? null : /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/.exec(line);
      if (!size) throw new BadHead(400, "a chunk does not begin with its size in hexadecimal digits");
      const bytes = new Uint8Array(parseInt(size[1], 16) > FIRST_BYTES ? 0 : parseInt(size[1], 16));
      if (bytes.length === 0 && parseInt(size[1], 16) > 0) {
        throw new BadHead(413, `a chunk of ${parseInt(size[1], 16)} bytes is larger than ${FIRST_BYTES}`);
      }
      if (bytes.length === 0) break;
      await this.input.into(bytes);
      if (await this.input.line(2) !== "") throw new BadHead(400, "a chunk is longer than it says");
      yield bytes;
    }
    // trailers say nothing that a request of ours needs
    for (let line = await this.input.line(MAX_LINE_BYTES); line !== ""; line = await this.input.line(MAX_LINE_BYTES)) {
      if (line === undefined) throw new BadHead(400, "a trailer is too long");
    }
    this.#chunksOver = true;
  }
}
