/** Bytes before each message: a compression flag and the length, 32 bits big-endian. */
export const FRAME_HEADER = 5;

/** The largest message taken or sent, in bytes, as Triton has it. */
export const MAX_MESSAGE_BYTES = 0x7fff_ffff;

/** Writes the header of the message that fills the rest of `frame`. */
export function writeFrameHeader(frame: Uint8Array, compressed: boolean): void {
  const length = frame.length - FRAME_HEADER;
  frame[0] = compressed ? 1 : 0;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
}

/** A copy of `message` with its header before it. */
export function frameMessage(message: Uint8Array, compressed = false): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + message.length);
  writeFrameHeader(frame, compressed);
  frame.set(message, FRAME_HEADER);
  return frame;
}
