const FIRST_BYTES = 8 * 1024;
/** Bytes of a head: as many as two thousand short headers take. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** The connection broke, or ended where more had to come. */
export class Disconnected extends Error {}

/** The bytes that a connection brings, with those that came early kept until they are wanted. */
export class Input {
  #buffer = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;
  /** A read that began before its bytes were wanted. */
  #ahead: Promise<Uint8Array | null> | undefined;
  #early: Uint8Array | undefined;

  constructor(private readonly conn: Deno.Conn) {}

  /** Bytes that are here. */
  get available(): number {
    return this.#end - this.#start;
  }

  /**
   * Waits for the end of a head and takes it.
   *
   * @returns the head's text without the empty line, null if the connection ended before its first byte, undefined if it
   *   is longer than {@link MAX_HEAD_BYTES}.
   * @throws Disconnected
   */
  async head(): Promise<string | null | undefined> {
    for (let searched = this.#start;;) {
      const end = this.#endOfHead(searched);
      if ((end < 0 ? this.#end : end) - this.#start > MAX_HEAD_BYTES) return undefined;
      if (end >= 0) {
        const text = latin1.decode(this.#buffer.subarray(this.#start, end));
        this.#start = end + 4;
        return text;
      }
      const before = this.available;
      const offset = Math.max(0, before - 3);
      if (!await this.#fill()) {
        if (before === 0) return null;
        throw new Disconnected("the connection ended in the middle of a request's head");
      }
      if (before === 0) this.#skipBlankLines();
      searched = this.#start + Math.min(offset, this.available);
    }
  }

  /** Fills `target`. @throws Disconnected */
  async into(target: Uint8Array): Promise<void> {
    let at = Math.min(this.available, target.length);
    target.set(this.#buffer.subarray(this.#start, this.#start + at));
    this.#start += at;
    while (at < target.length) {
      if (this.#ahead || this.#early) {
        if (!await this.#fill()) throw new Disconnected("the connection ended in the middle of a body");
        const more = Math.min(this.available, target.length - at);
        target.set(this.#buffer.subarray(this.#start, this.#start + more), at);
        this.#start += more;
        at += more;
        continue;
      }
      const read = await this.conn.read(target.subarray(at));
      if (read === null) throw new Disconnected("the connection ended in the middle of a body");
      at += read;
    }
  }

  /** A line up to its CRLF, taken; undefined if it is longer than `limit`. @throws Disconnected */
  async line(limit: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.subarray(this.#start, this.#end).indexOf(0x0a);
      if (end >= 0) {
        const text = latin1.decode(this.#buffer.subarray(this.#start, this.#start + end));
        this.#start += end + 1;
        return text.endsWith("\r") ? text.slice(0, -1) : text;
      }
      if (this.available > limit) return undefined;
      if (!await this.#fill()) throw new Disconnected("the connection ended in the middle of a chunk");
    }
  }

  /** Up to `limit` bytes, as they are here or come; null at the end of the connection. */
  async some(limit: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.available === 0 && !await this.#fill()) return null;
    const count = Math.min(this.available, limit);
    const bytes = this.#buffer.slice(this.#start, this.#start + count);
    this.#start += count;
    return bytes;
  }

  /** Calls `gone` if the connection ends before anything is read from it again. */
  watch(gone: () => void): void {
    if (this.#early) return;
    this.#ahead ??= this.#readAhead();
    this.#ahead.then((bytes) => {
      if (bytes === null) gone();
    });
  }

  async #readAhead(): Promise<Uint8Array | null> {
    const bytes = new Uint8Array(FIRST_BYTES);
    const read = await this.conn.read(bytes).catch(() => null);
    this.#ahead = undefined;
    this.#early = read === null ? NOTHING : bytes.subarray(0, read);
    return read === null ? null : this.#early;
  }

  /** Reads more. @returns false at the end of the connection. */
  async #fill(): Promise<boolean> {
    if (this.#ahead) await this.#ahead;
    if (this.#early) {
      const early = this.#early;
      if (early.length === 0) return false;
      this.#early = undefined;
      this.#room(early.length);
      this.#buffer.set(early, this.#end);
      this.#end += early.length;
      return true;
    }
    this.#room(1);
    const read = await this.conn.read(this.#buffer.subarray(this.#end)).catch(() => null);
    if (read === null) return false;
    this.#end += read;
    return true;
  }

  /** Makes room for at least `bytes` more, moving what is here to the front or into a larger buffer. */
  #room(bytes: number): void {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#buffer.length - this.#end >= bytes) return;
    const size = this.available + bytes > this.#buffer.length / 2
      ? Math.max(this.#buffer.length * 2, this.available + bytes)
      : this.#buffer.length;
    const larger = size === this.#buffer.length ? this.#buffer : new Uint8Array(size);
    larger.set(this.#buffer.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#buffer = larger;
  }

  /** Empty lines before a request are skipped, as clients of old send them after a body. */
  #skipBlankLines(): void {
    while (this.available >= 2 && this.#buffer[this.#start] === 0x0d && this.#buffer[this.#start + 1] === 0x0a) {
      this.#start += 2;
    }
  }

  #endOfHead(from: number): number {
    const buffer = this.#buffer;
    for (let i = from + 3; i < this.#end; i++) {
      if (buffer[i] === 0x0a && buffer[i - 1] === 0x0d && buffer[i - 2] === 0x0a && buffer[i - 3] === 0x0d) {
        return i - 3;
      }
    }
    return -1;
  }
}

const NOTHING = new Uint8Array(0);
const latin1 = new TextDecoder("latin1");
