import { CompressionError, type DecodedBlock, HeaderDecoder } from "./hpack/decoder.ts";
import { COMPRESSION_ERROR, ConnectionError, ENHANCE_YOUR_CALM } from "./frames.ts";

/** The dynamic table that a client may count on before it has our settings, in bytes. */
const TABLE_BYTES = 4096;
/** The longest list of headers taken, in bytes of names and values and 32 for each field. */
export const MAX_HEADER_LIST_BYTES = 64 * 1024;
/** Compressed headers are not longer than plain ones. */
const MAX_BLOCK_BYTES = MAX_HEADER_LIST_BYTES;
/** Frames that a block may come in. */
const MAX_BLOCK_FRAMES = 64;

/** Puts header blocks together from their frames and decodes them. */
export class HeaderBlocks {
  /** The stream whose block is not complete: only frames of this block may come next. 0 for none. */
  pending = 0;
  /** The block ends its stream. */
  endsStream = false;
  readonly #decoder = new HeaderDecoder(TABLE_BYTES, MAX_HEADER_LIST_BYTES);
  #parts: Uint8Array[] = [];
  #bytes = 0;

  /** A block begins that does not fit into its first frame. */
  begin(stream: number, endsStream: boolean, part: Uint8Array): void {
    this.pending = stream;
    this.endsStream = endsStream;
    this.#add(part);
  }

  /** @returns the block's fields, once it is complete. @throws ConnectionError */
  continue(part: Uint8Array, complete: boolean): DecodedBlock | undefined {
    this.#add(part);
    if (!complete) return undefined;
    const block = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#parts) {
      block.set(piece, at);
      at += piece.length;
    }
    this.pending = 0;
    this.#parts = [];
    this.#bytes = 0;
    return this.decode(block);
  }

  /** @throws ConnectionError */
  decode(block: Uint8Array): DecodedBlock {
    try {
      return this.#decoder.decode(block);
    } catch (error) {
      if (error instanceof CompressionError) throw new ConnectionError(COMPRESSION_ERROR, error.message);
      throw error;
    }
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part.slice());
    this.#bytes += part.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#parts.length > MAX_BLOCK_FRAMES) {
      throw new ConnectionError(ENHANCE_YOUR_CALM, `headers of more than ${MAX_BLOCK_BYTES} bytes are not taken`);
    }
  }
}
