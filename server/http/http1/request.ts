import { joinBytes } from "../../../core/bytes.ts";
import { freeMemory } from "../../../core/memory.ts";
import { BadHead, type Head } from "./head.ts";
import { Disconnected, type Input, MAX_HEAD_BYTES } from "./input.ts";

/** Memory that a body takes before it has come: a client may promise more than it sends. */
const FIRST_BYTES = 1024 * 1024;
/** How many bodies may take that at a time; others begin with less. */
const MAX_ROOMY = 256;
let receiving = 0;
/** How much more it takes each time that it is full. */
const GROWTH = 16;
/** What is read off of a body that nobody wanted, so that the connection can be used again. */
const MAX_DRAINED_BYTES = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const MAX_LINE_BYTES = 4096;
/** What counts for a chunk beside its bytes when one is read off: however small it is, reading it takes time. */
const CHUNK_COST = 64;
/** Milliseconds until a client that closed its side of the connection is looked at again; doubled each time. */
const PROBE_MS = 100;
const CHUNK_SIZE = /^0*([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\0\r]*)?$/;

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
  /** Somebody began to read the body. */
  #begun = false;
  #answered = false;
  #probe: ReturnType<typeof setTimeout> | undefined;

  /** @param sendContinue writes an interim "100 Continue"; rejects if the connection is broken. */
  constructor(
    private readonly head: Head,
    private readonly input: Input,
    private readonly sendContinue: () => Promise<void>,
  ) {
    this.method = head.method;
    this.url = head.url;
    this.#left = head.length;
  }

  get headers(): RequestHeaders {
    return this.#headers ??= new RequestHeaders(this.head.headers);
  }

  /**
   * Aborted when the client goes away before it has its answer. Ask for it when the body has been read.
   *
   * A client may close its own side of the connection and still wait: it looks as if it had gone until something is
   * written to it. So it gets "100 Continue", which all of HTTP/1.1 skip, and if that comes back it has gone.
   */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      if (this.bodyRead) {
        this.input.watch((broken) => broken ? controller.abort() : this.#clientEnded(controller));
      }
    }
    return this.#signal;
  }

  /** The answer is being written: from now on that says whether the client is there. */
  answered(): void {
    this.#answered = true;
    if (this.#probe !== undefined) clearTimeout(this.#probe);
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
    receiving++;
    try {
      let bytes = new Uint8Array(Math.min(length, receiving > MAX_ROOMY ? PIECE_BYTES : FIRST_BYTES));
      await this.input.into(bytes);
      for (let at = bytes.length; at < length; at = bytes.length) {
        const larger = new Uint8Array(Math.min(length, at * GROWTH));
        larger.set(bytes);
        freeMemory([bytes.buffer]);
        await this.input.into(larger.subarray(at));
        bytes = larger;
      }
      this.#left = 0;
      return bytes;
    } finally {
      receiving--;
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** False if the connection has to be closed after the answer: too much of the body is left, or it broke off. */
  get reusable(): boolean {
    if (this.bodyRead) return true;
    // a client that still waits for its "100 Continue" may or may not send the body now
    return !this.#begun && !this.head.expectsContinue && this.head.length <= MAX_DRAINED_BYTES;
  }

  /** Reads off what nobody read. @returns false if that is too much, or broken: the connection has to be closed. */
  async drain(): Promise<boolean> {
    let drained = 0;
    try {
      for await (const piece of this.body) {
        drained += piece.length + CHUNK_COST;
        if (this.head.length < 0 && drained > MAX_DRAINED_BYTES) return false;
      }
    } catch {
      // the request has its answer, another one would be taken for that of the next
      return false;
    }
    return this.bodyRead;
  }

  #begin(): void {
    this.#begun = true;
    // where that fails, so does reading the body
    if (this.head.expectsContinue && this.input.available === 0) this.sendContinue().catch(() => {});
  }

  #clientEnded(controller: AbortController, ms = PROBE_MS): void {
    if (this.#answered) {
      // a client that said that this is its last request may have closed its side; of any other it means that it has gone
      if (this.head.keepAlive) controller.abort();
      return;
    }
    // 1.0 knows no interim answers
    if (this.head.minorVersion === 0) return;
    this.sendContinue().then(() => {
      if (!this.#answered) this.#probe = setTimeout(() => this.#clientEnded(controller, 2 * ms), ms);
    }, () => controller.abort());
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
      const size = line === undefined ? null : CHUNK_SIZE.exec(line);
      if (!size) throw new BadHead(400, "a chunk does not begin with its size in hexadecimal digits, and CRLF");
      let left = parseInt(size[1], 16);
      if (left === 0) break;
      for (; left > 0; left -= Math.min(left, PIECE_BYTES)) {
        const bytes = new Uint8Array(Math.min(left, PIECE_BYTES));
        await this.input.into(bytes);
        yield bytes;
      }
      if (await this.input.line(2) !== "") throw new BadHead(400, "a chunk is longer than it says");
    }
    // trailers say nothing that a request of ours needs
    for (let left = MAX_HEAD_BYTES;;) {
      const line = await this.input.line(MAX_LINE_BYTES);
      if (line === "") break;
      if (line === undefined || (left -= line.length) < 0) throw new BadHead(400, "the trailers are too long");
    }
    this.#chunksOver = true;
  }
}
