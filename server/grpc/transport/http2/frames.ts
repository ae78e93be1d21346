/** Types of frames (RFC 9113, section 6). */
export const DATA = 0,
  HEADERS = 1,
  PRIORITY = 2,
  RST_STREAM = 3,
  SETTINGS = 4,
  PUSH_PROMISE = 5,
  PING = 6,
  GOAWAY = 7,
  WINDOW_UPDATE = 8,
  CONTINUATION = 9;

/** Flags of frames. */
export const END_STREAM = 0x1, ACK = 0x1, END_HEADERS = 0x4, PADDED = 0x8, WITH_PRIORITY = 0x20;

/** Settings (section 6.5.2). */
export const ENABLE_PUSH = 2,
  MAX_CONCURRENT_STREAMS = 3,
  INITIAL_WINDOW_SIZE = 4,
  MAX_FRAME_SIZE = 5,
  MAX_HEADER_LIST_SIZE = 6;

/** Error codes (section 7). */
export const NO_ERROR = 0,
  PROTOCOL_ERROR = 1,
  INTERNAL_ERROR = 2,
  FLOW_CONTROL_ERROR = 3,
  STREAM_CLOSED = 5,
  FRAME_SIZE_ERROR = 6,
  REFUSED_STREAM = 7,
  CANCEL = 8,
  COMPRESSION_ERROR = 9,
  ENHANCE_YOUR_CALM = 11;

/** Bytes before the payload of a frame: length (24 bits), type, flags, stream. */
export const FRAME_HEAD = 9;
/** Bytes of payload that every peer takes, and the most that we take. */
export const DEFAULT_FRAME_SIZE = 16_384;
/** The window that a stream and a connection begin with, in bytes. */
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;

/** What a client sends before its first frame. */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A client breaks the protocol in a way that ends its connection. */
export class ConnectionError extends Error {
  /** @param message goes to the client, as debug data of the GOAWAY frame. */
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** Writes the head of a frame. @returns where its payload begins. */
export function writeFrameHead(
  into: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  return writeUint32(into, at + 5, stream);
}

/** Writes 32 bits, big-endian. @returns the position after them. */
export function writeUint32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
  return at + 4;
}

/** Reads 32 bits, big-endian, without the first one, which is reserved. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x7f) << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
}

/** A whole frame of its own. */
export function frameOf(type: number, flags: number, stream: number, payload: ArrayLike<number>): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD + payload.length);
  writeFrameHead(frame, 0, payload.length, type, flags, stream);
  frame.set(payload, FRAME_HEAD);
  return frame;
}
