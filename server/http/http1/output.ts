import { STATUS_CODES } from "node:http";
import { freeMemory, LARGE_BYTES } from "../../../core/memory.ts";
import { DirectResponse, type WholeBody } from "../direct_response.ts";
import type { Head } from "./head.ts";

/** Room before a body for the head that is written when the body's length is known. */
const HEAD_BYTES = 1024;
const BUFFER_BYTES = 16 * 1024;
const encoder = new TextEncoder();

/** Buffers that no answer is being put together in: idle connections hold none. */
const spare: Uint8Array<ArrayBuffer>[] = [];
const MAX_SPARE = 64;

/** Writes answers to a connection, one after the other. */
export class Output {
  /** An interim answer that is being written. */
  #interim: Promise<void> | undefined;
  #waiting = false;
  #writes = 0;

  constructor(private readonly conn: Deno.Conn) {}

  /** Bytes wait for the client to take them. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** How often the client has taken some. */
  get writes(): number {
    return this.#writes;
  }

  /**
   * @param close says that the connection is closed afterwards.
   * @returns whether it has to be: the end of a body without length or chunks is the end of the connection.
   */
  async answer(head: Head, response: Response, close: boolean): Promise<boolean> {
    const direct = response instanceof DirectResponse;
    const whole = direct ? response.whole : response.body === null ? null : undefined;
    const empty = head.method === "HEAD" || response.status === 204;
    if (whole === undefined && head.minorVersion === 0) close = true;
    let text = statusLine(response.status);
    if (direct) {
      const { rawHeaders } = response;
      for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    } else {
      for (const [name, value] of response.headers) text += `${name}: ${value}\r\n`;
    }
    if (close) text += "connection: close\r\n";
    else if (head.minorVersion === 0) text += "connection: keep-alive\r\n";
    if (this.#interim !== undefined) await this.#interim;
    if (empty) {
      await this.#write(encoder.encode(`${text}\r\n`));
      if (whole === undefined) await response.body!.cancel();
    } else if (whole === undefined) await this.#stream(head, text, response.body!);
    else await this.#whole(text, whole);
    return close;
  }

  /** An interim answer, as it is. Rejects if the connection is broken. */
  interim(text: string): Promise<void> {
    const written = this.#write(encoder.encode(text));
    this.#interim = written.then(() => {
      this.#interim = undefined;
    });
    return this.#interim;
  }

  async #whole(head: string, body: WholeBody): Promise<void> {
    const buffer = spare.pop() ?? new Uint8Array(BUFFER_BYTES);
    const room = buffer.length - HEAD_BYTES;
    let length = 0;
    let bytes = typeof body === "string" ? undefined : body ?? NOTHING;
    if (typeof body === "string") {
      if (body.length * 3 <= room) length = encoder.encodeInto(body, buffer.subarray(HEAD_BYTES)).written;
      else bytes = encoder.encode(body);
    } else if (bytes!.length <= room) {
      buffer.set(bytes!, HEAD_BYTES);
      length = bytes!.length;
      bytes = undefined;
    }
    const text = `${head}content-length: ${bytes?.length ?? length}\r\n\r\n`;
    const start = HEAD_BYTES - text.length;
    // a character that takes more bytes than one would not fit
    if (
      bytes === undefined && start >= 0 &&
      encoder.encodeInto(text, buffer.subarray(start, HEAD_BYTES)).read === text.length
    ) {
      await this.#write(buffer.subarray(start, HEAD_BYTES + length));
    } else {
      try {
        await this.#write(encoder.encode(text));
        await this.#write(bytes ?? buffer.subarray(HEAD_BYTES, HEAD_BYTES + length));
      } finally {
        if (bytes !== undefined && bytes.length >= LARGE_BYTES) freeMemory([bytes.buffer]);
      }
    }
    if (spare.length < MAX_SPARE) spare.push(buffer);
  }

  /** A body as it comes, no faster than the client reads; in chunks where the client knows them. */
  async #stream(head: Head, text: string, body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const chunked = head.minorVersion > 0;
    try {
      await this.#write(encoder.encode(`${text}${chunked ? "transfer-encoding: chunked\r\n" : ""}\r\n`));
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
        if (value!.length === 0) continue;
        await this.#write(chunked ? chunkOf(value!) : value!);
      }
      if (chunked) await this.#write(LAST_CHUNK);
    } catch (error) {
      await reader.cancel().catch(() => {});
      throw error;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#waiting = true;
    let written = await this.conn.write(bytes);
    this.#writes++;
    while (written < bytes.length) {
      written += await this.conn.write(bytes.subarray(written));
      this.#writes++;
    }
    this.#waiting = false;
  }
}

const NOTHING = new Uint8Array(0);
const LAST_CHUNK = encoder.encode("0\r\n\r\n");
const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

function chunkOf(bytes: Uint8Array): Uint8Array {
  const size = encoder.encode(`${bytes.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + bytes.length + 2);
  chunk.set(size);
  chunk.set(bytes, size.length);
  chunk.set([0x0d, 0x0a], size.length + bytes.length);
  return chunk;
}
