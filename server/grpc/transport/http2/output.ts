import type { Http2Call } from "./call.ts";
import {
  CONTINUATION,
  DATA,
  DEFAULT_FRAME_SIZE,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  FRAME_HEAD,
  frameOf,
  HEADERS,
  INTERNAL_ERROR,
  RST_STREAM,
  writeFrameHead,
} from "./frames.ts";

const BUFFER_BYTES = 16 * 1024;
/** Bytes put together for one write while large answers are sent. */
const LARGE_BUFFER_BYTES = 256 * 1024;
const MAX_FRAME_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/** How far a call got with what it has to send. */
const enum Progress {
  /** All is written. */
  ENDED,
  /** Nothing more until a window opens or the next piece is there. */
  WAITS,
  /** The buffer is full. */
  FULL,
}

/**
 * Writes what the calls of a connection have to send: control frames first, then each call in turn, as much as the
 * client's windows allow. Everything that is ready when the socket is goes out in one write.
 */
export class Output {
  /** Bytes of bodies that the client takes on all streams together. */
  window = DEFAULT_WINDOW;
  /** Bytes of payload in a frame at most. */
  #frameSize = DEFAULT_FRAME_SIZE;
  #buffer: Uint8Array<ArrayBuffer> = NO_BYTES;
  #at = 0;
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  readonly #ready = new Set<Http2Call>();
  /** Calls that wait for the window of the connection; those that wait for their own are added when it opens. */
  readonly #held = new Set<Http2Call>();
  #writing = false;
  #broken = false;
  #writes = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  /**
   * @param ended called with each call whose answer is sent, or was reset because it broke off.
   * @param broke called once when nothing can be written any more.
   */
  constructor(
    private readonly conn: Pick<Deno.Conn, "write">,
    private readonly ended: (call: Http2Call) => void,
    private readonly broke: () => void,
  ) {}

  /** Bytes of control frames that the client has not taken. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  /** Something was composed and not yet taken whole by the system. */
  get writing(): boolean {
    return this.#writing;
  }

  /** How often the system took something. */
  get writes(): number {
    return this.#writes;
  }

  /** The client takes larger frames; much larger ones are of no use. */
  setFrameSize(bytes: number): void {
    this.#frameSize = Math.min(bytes, MAX_FRAME_BYTES);
  }

  /** Queues a whole frame that no window holds back. */
  control(frame: Uint8Array): void {
    this.#control.push(frame);
    this.#controlBytes += frame.length;
  }

  /** Queues what a call has to send. */
  add(call: Http2Call): void {
    this.#ready.add(call);
  }

  remove(call: Http2Call): void {
    this.#ready.delete(call);
    this.#held.delete(call);
  }

  /** Sends what is queued, or has the write that is under way send it. */
  flush(): void {
    if (this.#writing) return;
    this.#writing = true;
    this.#write();
  }

  /** Undefined if everything that may be sent was handed to the system, else a promise that resolves when it was. */
  drained(): Promise<void> | undefined {
    return this.#writing ? (this.#idle ??= Promise.withResolvers()).promise : undefined;
  }

  /** Gives back the memory that a large answer needed. */
  tidy(): void {
    if (!this.#writing) this.#buffer = NO_BYTES;
  }

  async #write(): Promise<void> {
    try {
      for (let bytes = this.#compose(); bytes !== undefined; bytes = this.#compose()) {
        let written = await this.conn.write(bytes);
        this.#writes++;
        while (written < bytes.length) {
          written += await this.conn.write(bytes.subarray(written));
          this.#writes++;
        }
      }
    } catch {
      this.#control = [];
      this.#controlBytes = 0;
      this.#ready.clear();
      if (!this.#broken) {
        this.#broken = true;
        this.broke();
      }
    }
    this.#writing = false;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** The next bytes to write; undefined while there are none. */
  #compose(): Uint8Array | undefined {
    this.#at = 0;
    if (this.#control.length > 0) {
      for (const frame of this.#control) this.#append(frame);
      this.#control = [];
      this.#controlBytes = 0;
    }
    for (const call of this.#ready) {
      const progress = this.#send(call);
      this.#ready.delete(call);
      if (progress === Progress.FULL) {
        this.#ready.add(call); // behind the others
        break;
      }
      if (progress === Progress.ENDED) this.ended(call);
    }
    return this.#at === 0 ? undefined : this.#buffer.subarray(0, this.#at);
  }

  #send(call: Http2Call): Progress {
    if (call.closed) return Progress.WAITS;
    if (call.broken) {
      this.#append(frameOf(RST_STREAM, 0, call.id, [0, 0, 0, INTERNAL_ERROR]));
      return Progress.ENDED;
    }
    const { head } = call;
    if (head !== undefined) {
      call.head = undefined;
      const over = call.bodyEnded && call.piece.length === 0 && call.trailers === undefined;
      this.#headers(call.id, head, over);
      if (over) return Progress.ENDED;
    }
    const { piece } = call;
    if (piece.length > 0) {
      const sent = this.#data(call, piece);
      if (sent < piece.length) {
        call.piece = piece.subarray(sent);
        return call.sendWindow > 0 && this.window > 0 ? Progress.FULL : this.#waiting(call);
      }
      const over = call.bodyEnded && call.trailers === undefined;
      call.pieceSent();
      if (over) return Progress.ENDED;
    }
    if (!call.bodyEnded) return Progress.WAITS;
    if (call.trailers === undefined) {
      this.#room(FRAME_HEAD);
      this.#at = writeFrameHead(this.#buffer, this.#at, 0, DATA, END_STREAM, call.id);
    } else this.#headers(call.id, [call.trailers], true);
    return Progress.ENDED;
  }

  #waiting(call: Http2Call): Progress {
    if (call.sendWindow > 0) this.#held.add(call);
    return Progress.WAITS;
  }

  /** The window of the connection has opened. */
  opened(): void {
    for (const call of this.#held) this.#ready.add(call);
    this.#held.clear();
  }

  /** Writes as much of a piece as windows and buffer take. @returns how much that is. */
  #data(call: Http2Call, piece: Uint8Array): number {
    let sent = 0;
    while (sent < piece.length) {
      const allowed = Math.min(piece.length - sent, this.#frameSize, call.sendWindow, this.window);
      if (allowed <= 0) break;
      if (this.#at + FRAME_HEAD + allowed > LARGE_BUFFER_BYTES) break;
      if (sent === 0) this.#room(this.#framed(piece.length));
      const last = sent + allowed === piece.length && call.bodyEnded && call.trailers === undefined;
      this.#at = writeFrameHead(this.#buffer, this.#at, allowed, DATA, last ? END_STREAM : 0, call.id);
      this.#buffer.set(sent === 0 && allowed === piece.length ? piece : piece.subarray(sent, sent + allowed), this.#at);
      this.#at += allowed;
      sent += allowed;
      call.sendWindow -= allowed;
      this.window -= allowed;
    }
    return sent;
  }

  /** What a piece takes with the heads of its frames, or as much as is put together at once. */
  #framed(bytes: number): number {
    return Math.min(bytes + FRAME_HEAD * Math.ceil(bytes / this.#frameSize), LARGE_BUFFER_BYTES - this.#at);
  }

  /** A header block in as many frames as it needs. */
  #headers(stream: number, parts: readonly Uint8Array[], endStream: boolean): void {
    let length = 0;
    for (const part of parts) length += part.length;
    const flags = endStream ? END_STREAM : 0;
    if (length <= this.#frameSize) {
      this.#room(FRAME_HEAD + length);
      this.#at = writeFrameHead(this.#buffer, this.#at, length, HEADERS, flags | END_HEADERS, stream);
      for (const part of parts) {
        this.#buffer.set(part, this.#at);
        this.#at += part.length;
      }
      return;
    }
    const block = Uint8Array.from(parts.flatMap((part) => [...part]));
    for (let at = 0; at < length; at += this.#frameSize) {
      const last = at + this.#frameSize >= length;
      const type = at === 0 ? HEADERS : CONTINUATION;
      const flag = (at === 0 ? flags : 0) | (last ? END_HEADERS : 0);
      this.#append(frameOf(type, flag, stream, block.subarray(at, at + this.#frameSize)));
    }
  }

  #append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const size = needed <= BUFFER_BYTES ? BUFFER_BYTES : Math.max(needed, this.#buffer.length * 2);
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}
