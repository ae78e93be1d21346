import { STATUS_CODES } from "node:http";
import { freeMemory, LARGE_BYTES } from "../../../core/memory.ts";
import { DirectResponse, type WholeBody } from "../direct_response.ts";
import type { Head } from "./head.ts";

/** Room before a body for the head that is written when the body's length is known. */
const HEAD_BYTES = 1024;
const BUFFER_BYTES = 16 * 1024;
const encoder = new TextEncoder();

/** Writes answers to a connection, one after the other. */
export class Output {
  /** Small answers are put together here and written at once; taken when the first one is. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(private readonly conn: Deno.Conn) {}

  /** @param close says that the connection is closed afterwards. */
  async answer(head: Head, response: Response, close: boolean): Promise<void> {
    const direct = response instanceof DirectResponse;
    const whole = direct ? response.whole : response.body === null ? null : undefined;
    let text = statusLine(response.status);
    if (direct) {
      const { rawHeaders } = response;
      for (let i = 0; i < rawHeaders.length; i += 2) text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    } else {
      for (const [name, value] of response.headers) text += `${name}: ${value}\r\n`;
    }
    if (close) text += "connection: close\r\n";
    else if (head.minorVersion === 0) text += "connection: keep-alive\r\n";
    if (whole === undefined) await this.#stream(head, text, response.body!);
    else if (head.method === "HEAD" || response.status === 204) await this.#write(encoder.encode(`${text}\r\n`));
    else await this.#whole(text, whole);
  }

  /** A few bytes as they are. */
  raw(text: string): Promise<void> {
    return this.#write(encoder.encode(text));
  }

  async #whole(head: string, body: WholeBody): Promise<void> {
    const buffer = this.#buffer ??= new Uint8Array(BUFFER_BYTES);
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
    if (bytes !== undefined || text.length > HEAD_BYTES) {
      await this.#write(encoder.encode(text));
      await this.#write(bytes ?? buffer.slice(HEAD_BYTES, HEAD_BYTES + length));
      if (bytes !== undefined && bytes.length >= LARGE_BYTES) freeMemory([bytes.buffer]);
      return;
    }
    const start = HEAD_BYTES - text.length;
    encoder.encodeInto(text, buffer.subarray(start, HEAD_BYTES));
    await this.#write(buffer.subarray(start, HEAD_BYTES + length));
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
    let written = await this.conn.write(bytes);
    while (written < bytes.length) written += await this.conn.write(bytes.subarray(written));
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
