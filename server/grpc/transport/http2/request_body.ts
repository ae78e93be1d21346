/** Small pieces of a body that nobody reads yet are kept together in buffers of this size at most. */
const BUFFER_BYTES = 16 * 1024;

const NOTHING = Promise.resolve(undefined);

/** What has come of a request's body and was not read. */
export class RequestBody {
  /** Bytes that came in all. */
  received = 0;
  #ended = false;
  /** Whole pieces, before those in {@link #last}. */
  #pieces: Uint8Array[] = [];
  /** Filled up to {@link #used}. */
  #last: Uint8Array | undefined;
  #used = 0;
  #unread = 0;
  #wake: ((bytes: Uint8Array | undefined) => void) | undefined;
  /** Where a reader wants what comes next, and how much of it is there. */
  #into: Uint8Array | undefined;
  #filled = 0;

  /** @param owner hears how many bytes were taken. */
  constructor(private readonly owner: { consumed(bytes: number): void }) {}

  /** Takes over `bytes`, which stay the caller's. */
  receive(bytes: Uint8Array): void {
    this.received += bytes.length;
    if (this.#wake === undefined) this.#keep(bytes);
    else if (this.#into === undefined) this.#handOver(bytes.slice(), bytes.length);
    else {
      const count = Math.min(bytes.length, this.#into.length - this.#filled);
      this.#into.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#filled);
      this.#filled += count;
      if (this.#filled === this.#into.length) this.#handOver(this.#into, count);
      else this.owner.consumed(count);
      if (count < bytes.length) this.#keep(bytes.subarray(count));
    }
  }

  /**
   * The next bytes, a piece that is the caller's; undefined after the last.
   *
   * @param into where the bytes are put, until it is full or the body ends; the result is a view of it then.
   */
  read(into?: Uint8Array): Promise<Uint8Array | undefined> {
    if (into !== undefined) return this.#readInto(into);
    const piece = this.#take();
    if (piece !== undefined) {
      this.owner.consumed(piece.length);
      return Promise.resolve(piece);
    }
    if (this.#ended) return NOTHING;
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#wake) this.#handOver(this.#filled > 0 ? this.#into!.subarray(0, this.#filled) : undefined, 0);
  }

  /** Forgets what was not read. @returns how many bytes that is. */
  leave(): number {
    const unread = this.#unread;
    this.#unread = 0;
    this.#pieces = [];
    this.#last = undefined;
    this.#filled = 0;
    this.end();
    return unread;
  }

  #readInto(into: Uint8Array): Promise<Uint8Array | undefined> {
    let filled = 0;
    while (filled < into.length) {
      const piece = this.#take(into.length - filled);
      if (piece === undefined) break;
      into.set(piece, filled);
      filled += piece.length;
    }
    if (filled > 0) this.owner.consumed(filled);
    if (filled === into.length) return Promise.resolve(into);
    if (this.#ended) return filled === 0 ? NOTHING : Promise.resolve(into.subarray(0, filled));
    this.#into = into;
    this.#filled = filled;
    return new Promise((resolve) => this.#wake = resolve);
  }

  #handOver(bytes: Uint8Array | undefined, consumed: number): void {
    const wake = this.#wake!;
    this.#wake = this.#into = undefined;
    this.#filled = 0;
    if (consumed > 0) this.owner.consumed(consumed);
    wake(bytes);
  }

  /** The first piece, or what of it has `limit` bytes. */
  #take(limit = Infinity): Uint8Array | undefined {
    const whole = this.#pieces.length > 0;
    const piece = whole ? this.#pieces[0] : this.#last && filledPart(this.#last, this.#used);
    if (piece === undefined) return undefined;
    const rest = piece.length > limit ? piece.subarray(limit) : undefined;
    if (whole && rest) this.#pieces[0] = rest;
    else if (whole) this.#pieces.shift();
    else {
      this.#last = rest;
      this.#used = rest?.length ?? 0;
    }
    const taken = rest ? piece.subarray(0, limit) : piece;
    this.#unread -= taken.length;
    return taken;
  }

  /** Keeps a copy. The first piece has a buffer of its own size, since often it is the only one. */
  #keep(bytes: Uint8Array): void {
    const last = this.#last;
    const before = this.#unread;
    this.#unread += bytes.length;
    if (last === undefined) {
      const size = Math.max(bytes.length, Math.min(before, BUFFER_BYTES));
      if (size === bytes.length) this.#last = bytes.slice();
      else (this.#last = new Uint8Array(size)).set(bytes);
      this.#used = bytes.length;
    } else if (last.length - this.#used >= bytes.length) {
      last.set(bytes, this.#used);
      this.#used += bytes.length;
    } else {
      this.#pieces.push(filledPart(last, this.#used));
      this.#last = undefined;
      this.#unread = before;
      this.#keep(bytes);
    }
  }
}

function filledPart(buffer: Uint8Array, used: number): Uint8Array {
  return used === buffer.length ? buffer : buffer.subarray(0, used);
}
