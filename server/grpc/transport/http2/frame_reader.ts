import { ConnectionError, DEFAULT_FRAME_SIZE, FRAME_HEAD, FRAME_SIZE_ERROR, PREFACE, readUint31 } from "./frames.ts";

const FIRST_BYTES = 8 * 1024;
const MAX_BYTES = 128 * 1024;

/** Reads the frames of a connection, one after the other. */
export class FrameReader {
  /** Holds the frame that {@link next} found. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BYTES);
  type = 0;
  flags = 0;
  stream = 0;
  /** Where the frame's payload begins and ends in {@link bytes}. */
  start = 0;
  end = 0;
  #from = 0;
  #to = 0;

  constructor(private readonly conn: Pick<Deno.Conn, "read">) {}

  /** What has come and is not part of a frame that was found. */
  get rest(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(this.#from, this.#to);
  }

  /** Waits for what a client says first. @returns whether that is the preface of HTTP/2, which is taken then. */
  async preface(): Promise<boolean> {
    for (;;) {
      const have = Math.min(this.#to, PREFACE.length);
      for (let i = 0; i < have; i++) if (this.bytes[i] !== PREFACE[i]) return false;
      if (have === PREFACE.length) break;
      if (!await this.fill()) return false;
    }
    this.#from = PREFACE.length;
    return true;
  }

  /** Finds the next frame among what has come. @throws ConnectionError for one that is too long. */
  next(): boolean {
    const { bytes } = this;
    const at = this.#from;
    if (this.#to - at < FRAME_HEAD) return false;
    const length = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
    if (length > DEFAULT_FRAME_SIZE) {
      throw new ConnectionError(
        FRAME_SIZE_ERROR,
        `a frame has ${length} bytes, at most ${DEFAULT_FRAME_SIZE} are taken`,
      );
    }
    const end = at + FRAME_HEAD + length;
    if (end > this.#to) return false;
    this.type = bytes[at + 3];
    this.flags = bytes[at + 4];
    this.stream = readUint31(bytes, at + 5);
    this.start = at + FRAME_HEAD;
    this.end = end;
    this.#from = end;
    return true;
  }

  /** Forgets what has come. */
  discard(): void {
    this.#from = this.#to = 0;
  }

  /** Reads more. @returns false at the end of the connection. */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    const read = await this.conn.read(this.bytes.subarray(this.#to)).catch(() => null);
    if (read === null) return false;
    this.#to += read;
    return true;
  }

  /** Moves what is left to the front; grows when all of the room was filled. */
  #makeRoom(): void {
    const { bytes } = this;
    const full = this.#to === bytes.length && bytes.length < MAX_BYTES;
    if (this.#from > 0 || full) {
      const rest = this.rest;
      if (full) this.bytes = new Uint8Array(bytes.length * 4);
      this.bytes.set(rest);
      this.#to = rest.length;
      this.#from = 0;
    }
  }
}
