import { unparsableMessage } from "../../../core/errors/grpc.ts";

/** Wire types of protobuf. */
export const VARINT = 0, FIXED64 = 1, LENGTH_DELIMITED = 2, START_GROUP = 3, END_GROUP = 4, FIXED32 = 5;

/** Strings up to this length are decoded here; the way to the decoder costs more than the work. */
const SHORT_STRING = 32;

const MAX_GROUP_DEPTH = 100;
const TWO_32 = 0x1_0000_0000;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads protobuf's wire format from a message, without copying and without bigint where numbers do. Nested messages are
 * read in place: `const outer = reader.enter()`, fields until {@link more} is false, `reader.leave(outer)`.
 *
 * Every method throws Status INTERNAL (`Unable to parse request: …`) where the bytes do not allow it.
 */
export class WireReader {
  pos = 0;
  /** Low 32 bits of the last {@link varint}, unsigned. */
  lo = 0;
  /** High 32 bits of the last {@link varint}, unsigned. */
  hi = 0;
  #end: number;
  #view: DataView | undefined;

  constructor(readonly bytes: Uint8Array) {
    this.#end = bytes.length;
  }

  /** True while the current message has fields left. */
  get more(): boolean {
    return this.pos < this.#end;
  }

  /** Enters a length-delimited field; the result is for {@link leave}. */
  enter(): number {
    const outer = this.#end, length = this.length();
    this.#end = this.pos + length;
    return outer;
  }

  /** Enters a single varint as if it were a packed field of one element. */
  enterVarint(): number {
    const outer = this.#end, start = this.pos;
    this.varint();
    this.#end = this.pos;
    this.pos = start;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  /** Field number and wire type: `number << 3 | type`. */
  tag(): number {
    this.varint();
    if (this.hi !== 0 || this.lo < 8) this.#fail("a field number is out of range");
    return this.lo;
  }

  /** A varint of up to 64 bits into {@link lo} and {@link hi}. */
  varint(): void {
    const bytes = this.bytes, end = this.#end;
    let pos = this.pos;
    if (pos >= end) this.#fail("a number is cut off");
    let byte = bytes[pos++];
    if (byte < 0x80) {
      this.lo = byte;
      this.hi = 0;
      this.pos = pos;
      return;
    }
    let lo = byte & 0x7f, hi = 0;
    for (let shift = 7;; shift += 7) {
      if (pos >= end) this.#fail("a number is cut off");
      if (shift > 63) this.#fail("a number has more than 10 bytes");
      byte = bytes[pos++];
      const bits = byte & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else hi |= bits << (shift - 32);
      if (byte < 0x80) break;
    }
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
    this.pos = pos;
  }

  bool(): boolean {
    this.varint();
    return this.lo !== 0 || this.hi !== 0;
  }

  /** An int64 as a number, rounded beyond 2^53. */
  int64Rounded(): number {
    this.varint();
    return (this.hi | 0) * TWO_32 + this.lo;
  }

  /** An int64: a number where that is exact, else a bigint. */
  int64(): number | bigint {
    const rounded = this.int64Rounded();
    return Number.isSafeInteger(rounded) ? rounded : BigInt(this.hi | 0) << 32n | BigInt(this.lo);
  }

  /** A uint64: a number where that is exact, else a bigint. */
  uint64(): number | bigint {
    this.varint();
    const rounded = this.hi * TWO_32 + this.lo;
    return Number.isSafeInteger(rounded) ? rounded : BigInt(this.hi) << 32n | BigInt(this.lo);
  }

  double(): number {
    if (this.#end - this.pos < 8) this.#fail("a double is cut off");
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    const value = this.#view.getFloat64(this.pos, true);
    this.pos += 8;
    return value;
  }

  /** The length of a length-delimited field, which is known to be there in full. */
  length(): number {
    this.varint();
    if (this.hi !== 0 || this.lo > this.#end - this.pos) {
      this.#fail(`a field of ${this.hi * TWO_32 + this.lo} bytes ends past its message`);
    }
    return this.lo;
  }

  /** A length-delimited field as a view. */
  view(): Uint8Array {
    const length = this.length(), start = this.pos;
    this.pos = start + length;
    return this.bytes.subarray(start, this.pos);
  }

  string(): string {
    const length = this.length(), bytes = this.bytes, start = this.pos, end = start + length;
    this.pos = end;
    if (length <= SHORT_STRING) {
      let text = "";
      let at = start;
      for (; at < end && bytes[at] < 0x80; at++) text += String.fromCharCode(bytes[at]);
      if (at === end) return text;
    }
    try {
      return utf8.decode(bytes.subarray(start, end));
    } catch {
      return this.#fail("a string is not UTF-8");
    }
  }

  /** Passes over the value of an unknown field. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case VARINT:
        return this.varint();
      case FIXED64:
        return this.#advance(8);
      case LENGTH_DELIMITED:
        return this.#advance(this.length());
      case FIXED32:
        return this.#advance(4);
      case START_GROUP: {
        if (depth === MAX_GROUP_DEPTH) this.#fail("groups are nested too deeply");
        for (;;) {
          const inner = this.tag();
          if ((inner & 7) !== END_GROUP) this.skip(inner, depth + 1);
          else if (inner >>> 3 === tag >>> 3) return;
          else this.#fail("a group ends that did not start");
        }
      }
      default:
        return this.#fail(`wire type ${tag & 7} is unexpected`);
    }
  }

  #advance(length: number): void {
    if (length > this.#end - this.pos) this.#fail("a field is cut off");
    this.pos += length;
  }

  #fail(reason: string): never {
    throw unparsableMessage(`${reason}, near byte ${this.pos} of ${this.bytes.length}`);
  }
}
