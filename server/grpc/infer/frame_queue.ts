import { joinBytes } from "../../../core/bytes.ts";
import { Fifo } from "../../../scheduler/fifo.ts";

/** Frames that may wait before whoever makes more has to wait. */
const MAX_WAITING = 256;
/** The same in bytes. */
const MAX_WAITING_BYTES = 4 << 20;
/** Small frames leave together, up to this size. */
const PIECE_BYTES = 32 << 10;

/**
 * The frames of an answer on their way to the transport, which takes them as fast as the client reads. Frames are never
 * refused; {@link full} and {@link room} tell who makes them when to wait.
 */
export class FrameQueue implements AsyncIterator<Uint8Array> {
  #frames = new Fifo<Uint8Array>();
  #bytes = 0;
  #ended = false;
  #waiter: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  /**
   * @param onRoom called when the queue is no longer full.
   * @param onGone called when the transport takes no more.
   */
  constructor(private readonly onRoom: () => void, private readonly onGone: () => void) {}

  get full(): boolean {
    return this.#frames.length >= MAX_WAITING || this.#bytes >= MAX_WAITING_BYTES;
  }

  /** Undefined unless {@link full}; then a promise that resolves when it no longer is, or takes no more. */
  room(): Promise<void> | undefined {
    return this.full && !this.#ended ? (this.#room ??= Promise.withResolvers()).promise : undefined;
  }

  push(frame: Uint8Array): void {
    if (this.#ended) return;
    const waiter = this.#waiter;
    if (waiter) {
      this.#waiter = undefined;
      waiter({ done: false, value: frame });
    } else {
      this.#frames.push(frame);
      this.#bytes += frame.length;
    }
  }

  /** The answer ends with what has been pushed. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiter?.({ done: true, value: undefined });
    this.#waiter = undefined;
    this.#makeRoom();
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#frames.length > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiter = resolve);
  }

  /** The transport has nobody to send to. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#frames = new Fifo();
    this.#bytes = 0;
    this.end();
    this.onGone();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): Uint8Array {
    const frames = this.#frames;
    const wasFull = this.full || this.#room !== undefined;
    const parts = [frames.shift()!];
    let size = parts[0].length;
    for (let next = frames.peek(); next && size + next.length <= PIECE_BYTES; next = frames.peek()) {
      size += next.length;
      parts.push(frames.shift()!);
    }
    this.#bytes -= size;
    if (wasFull && !this.full) {
      this.#makeRoom();
      this.onRoom();
    }
    return parts.length === 1 ? parts[0] : joinBytes(parts, size);
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
