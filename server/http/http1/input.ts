import { BadHead } from "./head.ts";

const FIRST_BYTES = 8 * 1024;
const DISCARD_BYTES = 64 * 1024;
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
  #ahead: Promise<void> | undefined;
  /** What it brought; no bytes at the end of the connection. */
  #early: Uint8Array | undefined;
  /** The connection is not only at its end, but broken. */
  #broken = false;
  #waiting = false;
  #reads = 0;

  constructor(private readonly conn: Deno.Conn) {}

  /** Bytes that are here. */
  get available(): number {
    return this.#end - this.#start;
  }

  /** Somebody waits for bytes that have not come. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** How often something came while somebody waited. */
  get reads(): number {
    return this.#reads;
  }

  /**
   * Waits for the end of a head and takes it. Empty lines before it are skipped, as clients of old send them after a body.
   *
   * @returns the head's text without the empty line that ends it, null if the connection ended before its first byte.
   * @throws BadHead if it is longer than {@link MAX_HEAD_BYTES}, or its lines end with bare LFs: it may never end then.
   * @throws Disconnected
   */
  async head(): Promise<string | null> {
    for (let searched = 0;;) {
      if (this.#buffer[this.#start] === 0x0d) this.#skipBlankLines();
      const end = this.#endOfHead(this.#start + searched);
      const before = this.available;
      if ((end < 0 ? before : end - this.#start) > MAX_HEAD_BYTES) {
        throw new BadHead(431, `its head is longer than ${MAX_HEAD_BYTES} bytes`);
      }
      if (end >= 0) {
        const text = utf8.decode(this.#buffer.subarray(this.#start, end));
        this.#start = end + 4;
        return text;
      }
      if (this.#hasBareLineFeed(this.#start + searched)) {
        throw new BadHead(400, "a line of its head ends with LF alone, not with CRLF");
      }
      searched = Math.max(0, before - 3);
      if (!await this.#fill()) {
        if (before === 0) return null;
        throw new Disconnected("the connection ended in the middle of a request's head");
      }
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
      this.#waiting = true;
      const read = await this.conn.read(target.subarray(at));
      this.#waiting = false;
      this.#reads++;
      if (read === null) throw new Disconnected("the connection ended in the middle of a body");
      at += read;
    }
  }

  /**
   * A line up to its CRLF, taken; undefined if it is longer than `limit`, or ends with a bare LF, which not every server
   * takes for the end of a line.
   *
   * @throws Disconnected
   */
  async line(limit: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.subarray(this.#start, this.#end).indexOf(0x0a);
      if (end >= 0) {
        if (end > limit || this.#buffer[this.#start + end - 1] !== 0x0d || end === 0) return undefined;
        const text = utf8.decode(this.#buffer.subarray(this.#start, this.#start + end - 1));
        this.#start += end + 1;
        return text;
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

  /**
   * Calls `ended` if the connection ends before anything is read from it again.
   *
   * @param ended is told whether the connection broke. If not, the client may have closed its own side only.
   */
  watch(ended: (broken: boolean) => void): void {
    if (this.#early) return;
    this.#ahead ??= this.#readAhead();
    this.#ahead.then(() => {
      if (this.#early?.length === 0) ended(this.#broken);
    });
  }

  /** Reads until the connection ends, and forgets it. */
  async discard(): Promise<void> {
    this.#start = this.#end = 0;
    if (this.#ahead) await this.#ahead;
    if (this.#early?.length === 0) return;
    const bytes = new Uint8Array(DISCARD_BYTES);
    while (await this.conn.read(bytes) !== null);
  }

  async #readAhead(): Promise<void> {
    const bytes = new Uint8Array(FIRST_BYTES);
    let read: number | null = null;
    try {
      read = await this.conn.read(bytes);
    } catch {
      this.#broken = true;
    }
    this.#ahead = undefined;
    this.#early = read === null ? NOTHING : bytes.subarray(0, read);
  }

  /** Reads more. @returns false at the end of the connection. */
  async #fill(): Promise<boolean> {
    this.#waiting = true;
    if (this.#ahead) await this.#ahead;
    if (this.#early) {
      const early = this.#early;
      this.#waiting = false;
      if (early.length === 0) return false;
      this.#early = undefined;
      this.#reads++;
      this.#room(early.length);
      this.#buffer.set(early, this.#end);
      this.#end += early.length;
      return true;
    }
    this.#room(1);
    const read = await this.conn.read(this.#buffer.subarray(this.#end)).catch(() => null);
    this.#waiting = false;
    if (read === null) return false;
    this.#reads++;
    this.#end += read;
    return true;
  }

  /** Makes room for at least `bytes` more, moving what is here to the front or into a larger buffer. */
  #room(bytes: number): void {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      // what one long head took is not kept while the connection idles
      if (this.#buffer.length > FIRST_BYTES) this.#buffer = new Uint8Array(FIRST_BYTES);
    }
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

  #hasBareLineFeed(from: number): boolean {
    const buffer = this.#buffer;
    for (let i = from; i < this.#end; i++) {
      if (buffer[i] === 0x0a && (i === this.#start || buffer[i - 1] !== 0x0d)) return true;
    }
    return false;
  }
}

const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
