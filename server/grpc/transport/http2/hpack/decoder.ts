import { decodeHuffman } from "./huffman.ts";
import { latin1 } from "./latin1.ts";
import { type HeaderField, STATIC_TABLE } from "./static_table.ts";

/** Bytes that an entry counts beside its name and value. */
const ENTRY_OVERHEAD = 32;

/** A header block that cannot be understood: nothing after it on its connection can be either. */
export class CompressionError extends Error {}

/** What came of a header block. */
export interface DecodedBlock {
  readonly fields: readonly HeaderField[];
  /** The list was longer than the limit: what is beyond it was left out. */
  readonly tooLarge: boolean;
}

/** Decodes the header blocks of one connection, in order: each may refer to fields of those before it (RFC 7541). */
export class HeaderDecoder {
  /** Oldest first. */
  readonly #entries: HeaderField[] = [];
  #size = 0;
  #capacity: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /**
   * @param maxTableSize the largest dynamic table that the client may ask for, in bytes.
   * @param maxListSize the longest list taken, in bytes of names and values and 32 for each field.
   */
  constructor(private readonly maxTableSize: number, private readonly maxListSize: number) {
    this.#capacity = maxTableSize;
  }

  /** Decodes a whole block. @throws CompressionError */
  decode(bytes: Uint8Array): DecodedBlock {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
    const fields: HeaderField[] = [];
    let listSize = 0, sizeMayChange = true;
    while (this.#at < this.#end) {
      const first = bytes[this.#at];
      let field: HeaderField;
      if (first & 0x80) field = this.#entry(this.#integer(7));
      else if (first & 0x40) this.#add(field = this.#literal(6));
      else if (first & 0x20) {
        if (!sizeMayChange) throw new CompressionError("the table's size changes in the middle of a block");
        this.#resize(this.#integer(5));
        continue;
      } else field = this.#literal(4);
      sizeMayChange = false;
      listSize += sizeOf(field);
      if (listSize <= this.maxListSize) fields.push(field);
    }
    return { fields, tooLarge: listSize > this.maxListSize };
  }

  #entry(index: number): HeaderField {
    const entry = index < STATIC_TABLE.length
      ? STATIC_TABLE[index]
      : this.#entries[this.#entries.length - 1 - (index - STATIC_TABLE.length)];
    if (index === 0 || entry === undefined) throw new CompressionError(`there is no field with index ${index}`);
    return entry;
  }

  #literal(prefix: number): HeaderField {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    return { name, value: this.#string(), good: undefined };
  }

  /** An integer whose first bits are the last `prefix` ones of the byte that is next. */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new CompressionError("an integer is too large");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new CompressionError("a block ends in the middle of a field");
    return this.#bytes[this.#at++];
  }

  #string(): string {
    const huffman = this.#at < this.#end && (this.#bytes[this.#at] & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length > this.#end - start) throw new CompressionError("a text is longer than its block");
    this.#at += length;
    if (!huffman) return latin1(this.#bytes, start, this.#at);
    const text = decodeHuffman(this.#bytes, start, this.#at);
    if (text === undefined) throw new CompressionError("a text is not in the Huffman code");
    return text;
  }

  #add(field: HeaderField): void {
    this.#entries.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #resize(capacity: number): void {
    if (capacity > this.maxTableSize) throw new CompressionError(`a table of ${capacity} bytes was not offered`);
    this.#capacity = capacity;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#capacity) this.#size -= sizeOf(this.#entries.shift()!);
  }
}

function sizeOf({ name, value }: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}
