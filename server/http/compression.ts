import { promisify } from "node:util";
import zlib from "node:zlib";
import { corruptCompression, decompressedTooLarge, nothingToDecompress } from "../../core/errors/http.ts";

const gzip = promisify<Uint8Array, Uint8Array>(zlib.gzip);
const deflate = promisify<Uint8Array, Uint8Array>(zlib.deflate);
const gunzip = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.gunzip);
const inflate = promisify<Uint8Array, zlib.ZlibOptions, Uint8Array>(zlib.inflate);

/** Bytes from which on the work leaves the thread: even at a ratio of 1000 what is smaller is done in milliseconds. */
const ASYNC_SIZE = 4 * 1024;

/**
 * A request body as it was before `gzip` or `deflate` (zlib) compression. Which of the two it is its first bytes say,
 * whatever the label.
 *
 * @param coding the label, for the error.
 * @param limit bytes that the result may have.
 * @throws Status INVALID_ARGUMENT
 */
export async function decompress(bytes: Uint8Array, coding: string, limit: number): Promise<Uint8Array> {
  if (bytes.length === 0) throw nothingToDecompress();
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const options = { maxOutputLength: limit };
  try {
    const plain = bytes.length < ASYNC_SIZE
      ? (isGzip ? zlib.gunzipSync : zlib.inflateSync)(bytes, options)
      : await (isGzip ? gunzip : inflate)(bytes, options);
    // A Buffer would not do: its slices are views, where those of other arrays are copies.
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === "ERR_BUFFER_TOO_LARGE" ? decompressedTooLarge(limit) : corruptCompression(coding, message);
  }
}

/** A response body, compressed. */
export function compress(bytes: Uint8Array, coding: "gzip" | "deflate"): Uint8Array | Promise<Uint8Array> {
  if (bytes.length < ASYNC_SIZE) return coding === "gzip" ? zlib.gzipSync(bytes) : zlib.deflateSync(bytes);
  return coding === "gzip" ? gzip(bytes) : deflate(bytes);
}
