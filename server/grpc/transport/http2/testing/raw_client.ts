/** A client of HTTP/2 that sends whatever frames a test wants, and sees each frame that comes back. */
import { joinBytes } from "../../../../../core/bytes.ts";
import { atMost } from "../../../../at_most.ts";
import { FrameReader } from "../frame_reader.ts";
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  frameOf,
  GOAWAY,
  HEADERS,
  PING,
  PREFACE,
  readUint31,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  writeUint32,
} from "../frames.ts";
import { HeaderDecoder } from "../hpack/decoder.ts";
import { encodeFields } from "../hpack/encoder.ts";

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
  /** Fields of a HEADERS frame, decoded. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** How one stream was answered. */
export interface Answer {
  readonly head: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly trailers: Readonly<Record<string, string>>;
}

/** Milliseconds after which a frame that does not come is missed. */
const PATIENCE_MS = 10_000;

type Fields = readonly (readonly [string, string])[];

/** The fields of a request, with what is given in place of or beside the usual. */
export function requestFields(path = "/echo", more: Fields = []): Fields {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

export function headers(
  stream: number,
  fields: Fields | Uint8Array = requestFields(),
  flags = END_HEADERS,
): Uint8Array {
  return frameOf(HEADERS, flags, stream, fields instanceof Uint8Array ? fields : encodeFields(fields));
}

export function data(stream: number, bytes: ArrayLike<number>, flags = 0): Uint8Array {
  return frameOf(DATA, flags, stream, bytes);
}

export function setting(id: number, value: number): number[] {
  return [id >>> 8, id & 0xff, ...uint32(value)];
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

export function windowUpdate(stream: number, bytes: number): Uint8Array {
  return frameOf(WINDOW_UPDATE, 0, stream, uint32(bytes));
}

export class RawClient implements AsyncDisposable {
  readonly #reader: FrameReader;
  readonly #decoder = new HeaderDecoder(4096, 1 << 20);
  /** Streams answered so far, as far as their frames have come. */
  readonly #answers = new Map<number, { head?: Answer["head"]; body: number[]; trailers?: Answer["trailers"] }>();

  private constructor(readonly conn: Deno.TcpConn) {
    this.#reader = new FrameReader(conn);
  }

  /** @param settings of the client; false for a connection on which nothing has been said. */
  static async connect(port: number, settings: number[] | false = []): Promise<RawClient> {
    const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
    if (settings !== false) await client.send(PREFACE, frameOf(SETTINGS, 0, 0, settings));
    return client;
  }

  /** Sends all in one write; a connection that the server has closed is no error. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    const bytes = joinBytes(frames);
    try {
      for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
    } catch {
      // what the server said before tells why
    }
  }

  /** The next frame; undefined at the end of the connection. */
  async next(): Promise<Frame | undefined> {
    const reader = this.#reader;
    while (!reader.next()) {
      let more: boolean | undefined;
      await atMost(reader.fill().then((read) => more = read), PATIENCE_MS);
      if (more === undefined) throw new Error("the server says nothing more");
      if (!more) return undefined;
    }
    const { type, flags, stream } = reader;
    const payload = reader.bytes.slice(reader.start, reader.end);
    const frame: Frame = { type, flags, stream, payload };
    if (type !== HEADERS) return frame;
    const { fields } = this.#decoder.decode(payload);
    return { ...frame, fields: Object.fromEntries(fields.map(({ name, value }) => [name, value])) };
  }

  /** The next frame of a type; others are passed over. */
  async until(type: number, stream?: number): Promise<Frame> {
    const seen: string[] = [];
    for (let frame; (frame = await this.next());) {
      this.#collect(frame);
      if (frame.type === type && (stream === undefined || frame.stream === stream)) return frame;
      seen.push(`${frame.type}/${frame.stream}`);
    }
    throw new Error(`the connection ended without a frame of type ${type}, after ${seen}`);
  }

  /** The error code with which the server ends a stream. */
  async resetCode(stream: number): Promise<number> {
    return readUint31((await this.until(RST_STREAM, stream)).payload, 0);
  }

  /** The error code with which the server ends the connection, when it has closed it. */
  async goAwayCode(): Promise<number> {
    const { payload } = await this.until(GOAWAY);
    while (await this.next());
    return readUint31(payload, 4);
  }

  /** The answer on a stream. */
  async answer(stream: number): Promise<Answer> {
    for (;;) {
      const { head, body, trailers } = this.#answers.get(stream) ?? {};
      if (head && trailers) return { head, body: Uint8Array.from(body!), trailers };
      const frame = await this.next();
      if (frame === undefined) throw new Error(`the connection ended before stream ${stream} was answered`);
      if (frame.type === GOAWAY || frame.type === RST_STREAM && frame.stream === stream) {
        throw new Error(`stream ${stream} was not answered: ${JSON.stringify(frame)}`);
      }
      this.#collect(frame);
    }
  }

  /** Resolves when the server has taken everything that was sent. */
  async settled(): Promise<void> {
    const payload = crypto.getRandomValues(new Uint8Array(8));
    await this.send(frameOf(PING, 0, 0, payload));
    for (;;) {
      const { flags, payload: back } = await this.until(PING);
      if (flags & ACK && back.every((byte, i) => byte === payload[i])) return;
    }
  }

  #collect({ type, flags, stream, payload, fields }: Frame): void {
    if (type !== HEADERS && type !== DATA) return;
    const answer = this.#answers.get(stream) ?? { body: [] };
    this.#answers.set(stream, answer);
    if (type === DATA) { for (const byte of payload) answer.body.push(byte); }
    else if (answer.head) answer.trailers = fields;
    else answer.head = fields;
    if (flags & END_STREAM) answer.trailers ??= {};
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch {
      // the test closed it
    }
    return Promise.resolve();
  }
}
