import { frameOf } from "./frames.ts";
import * as http2 from "./frames.ts";
import type { FrameReader } from "./frame_reader.ts";
import { HeaderBlocks } from "./header_blocks.ts";
import { MAX_EMPTY_FRAMES } from "./limits.ts";
import type { Streams } from "./streams.ts";

const { ConnectionError, PROTOCOL_ERROR } = http2;

/** Takes the frames of a connection to its streams (RFC 9113, section 6). */
export class Dispatch {
  readonly #headers = new HeaderBlocks();
  #emptyFrames = 0;
  /** The client's first SETTINGS have come. */
  #settled = false;

  /**
   * @param pong called with the payload of a PING that comes back.
   * @param leaves called when the client says that it is about to leave.
   */
  constructor(
    private readonly reader: FrameReader,
    private readonly streams: Streams,
    private readonly pong: (payload: Uint8Array) => void,
    private readonly leaves: () => void,
  ) {}

  /** The frame that the reader has found. @throws ConnectionError */
  frame(): void {
    const { type, stream } = this.reader;
    const { pending } = this.#headers;
    if (pending !== 0 && (type !== http2.CONTINUATION || stream !== pending)) {
      throw new ConnectionError(PROTOCOL_ERROR, "another frame comes between the frames of a header block");
    }
    if (!this.#settled && type !== http2.SETTINGS) throw notSettled();
    switch (type) {
      case http2.DATA:
        return this.#data();
      case http2.HEADERS:
        return this.#fields();
      case http2.CONTINUATION:
        return this.#moreFields();
      case http2.PRIORITY:
        return this.#priority();
      case http2.RST_STREAM:
        this.#expectLength(4);
        this.streams.callOf(stream);
        return this.streams.cancel(stream);
      case http2.SETTINGS:
        return this.#settings();
      case http2.PING:
        return this.#ping();
      case http2.GOAWAY:
        return this.#goAway();
      case http2.WINDOW_UPDATE:
        this.#expectLength(4);
        return this.streams.opens(stream, http2.readUint31(this.reader.bytes, this.reader.start));
      case http2.PUSH_PROMISE:
        throw new ConnectionError(PROTOCOL_ERROR, "a client must not push");
    }
  }

  #data(): void {
    const { stream, flags, start, end } = this.reader;
    const payload = this.#payload();
    const endsStream = (flags & http2.END_STREAM) !== 0;
    this.#emptyFrames = payload.length > 0 || endsStream ? 0 : this.#emptyFrames + 1;
    if (this.#emptyFrames > MAX_EMPTY_FRAMES) {
      throw new ConnectionError(http2.ENHANCE_YOUR_CALM, "too many empty frames");
    }
    this.streams.data(stream, payload, end - start, endsStream);
  }

  #fields(): void {
    const { stream, flags } = this.reader;
    if (stream % 2 === 0) throw new ConnectionError(PROTOCOL_ERROR, "a client's streams have odd numbers");
    let block = this.#payload();
    if (flags & http2.WITH_PRIORITY) {
      if (block.length < 5) throw wrongSize();
      block = block.subarray(5);
    }
    const endsStream = (flags & http2.END_STREAM) !== 0;
    if (flags & http2.END_HEADERS) this.streams.fields(stream, endsStream, this.#headers.decode(block));
    else this.#headers.begin(stream, endsStream, block);
  }

  #moreFields(): void {
    const { stream, flags, bytes, start, end } = this.reader;
    if (this.#headers.pending === 0) throw new ConnectionError(PROTOCOL_ERROR, "CONTINUATION continues nothing");
    const block = this.#headers.continue(bytes.subarray(start, end), (flags & http2.END_HEADERS) !== 0);
    if (block) this.streams.fields(stream, this.#headers.endsStream, block);
  }

  /** Priorities are deprecated and say nothing to us. */
  #priority(): void {
    this.#expectStream(true, "PRIORITY");
    if (this.reader.end - this.reader.start !== 5) throw wrongSize();
  }

  #settings(): void {
    const { bytes, start, end, flags } = this.reader;
    this.#expectStream(false, "SETTINGS");
    if (flags & http2.ACK) {
      if (!this.#settled) throw notSettled();
      return this.#expectLength(0);
    }
    this.#settled = true;
    if ((end - start) % 6 !== 0) throw wrongSize();
    let window: number | undefined;
    for (let at = start; at < end; at += 6) {
      const id = bytes[at] << 8 | bytes[at + 1];
      const value = http2.readUint31(bytes, at + 2) + (bytes[at + 2] >>> 7) * 0x8000_0000;
      if (id === http2.INITIAL_WINDOW_SIZE) window = checkedWindow(value);
      else this.#setting(id, value);
    }
    // once for all of them: it concerns every stream that is open
    if (window !== undefined) this.streams.setClientWindow(window);
    this.streams.control(frameOf(http2.SETTINGS, http2.ACK, 0, []));
  }

  #setting(id: number, value: number): void {
    switch (id) {
      case http2.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is 0 or 1");
        break;
      case http2.MAX_FRAME_SIZE:
        if (value < http2.DEFAULT_FRAME_SIZE || value > 0xff_ffff) {
          throw new ConnectionError(PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is out of range");
        }
        this.streams.output.setFrameSize(value);
    }
  }

  #goAway(): void {
    this.#expectStream(false, "GOAWAY");
    if (this.reader.end - this.reader.start < 8) throw wrongSize();
    this.leaves();
  }

  #ping(): void {
    const { bytes, start, end, flags } = this.reader;
    this.#expectStream(false, "PING");
    this.#expectLength(8);
    const payload = bytes.subarray(start, end);
    if (flags & http2.ACK) this.pong(payload);
    else this.streams.control(frameOf(http2.PING, http2.ACK, 0, payload));
  }

  /** The payload without its padding. */
  #payload(): Uint8Array<ArrayBuffer> {
    const { bytes, start, end, flags } = this.reader;
    if ((flags & http2.PADDED) === 0) return bytes.subarray(start, end);
    if (start === end || start + 1 + bytes[start] > end) {
      throw new ConnectionError(PROTOCOL_ERROR, "a frame's padding is longer than the frame");
    }
    return bytes.subarray(start + 1, end - bytes[start]);
  }

  #expectLength(length: number): void {
    if (this.reader.end - this.reader.start !== length) throw wrongSize();
  }

  #expectStream(some: boolean, name: string): void {
    if (this.reader.stream !== 0 === some) return;
    throw new ConnectionError(PROTOCOL_ERROR, `${name} is for ${some ? "a stream" : "the whole connection"}`);
  }
}

function notSettled(): http2.ConnectionError {
  return new ConnectionError(PROTOCOL_ERROR, "the first frame is not SETTINGS");
}

function checkedWindow(bytes: number): number {
  if (bytes <= http2.MAX_WINDOW) return bytes;
  throw new ConnectionError(http2.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is too large");
}

function wrongSize(): http2.ConnectionError {
  return new ConnectionError(http2.FRAME_SIZE_ERROR, "a frame has the wrong size");
}
