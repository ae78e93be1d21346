import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { messageNotDecompressed, messageTooLarge, unknownMessageEncoding } from "../../core/errors/grpc.ts";
import { Status } from "../../core/status.ts";
import { MAX_MESSAGE_BYTES } from "./frame.ts";

/** `--grpc-infer-response-compression-level`. */
export type CompressionLevel = "none" | "low" | "medium" | "high";

const ZLIB_LEVEL: Readonly<Record<Exclude<CompressionLevel, "none">, number>> = { low: 1, medium: 6, high: 9 };

/** Above this, (de)compression leaves the main thread; below, the way there costs more than the work. */
const ASYNC_BYTES = 64 << 10;

const gzipAsync = promisify(zlib.gzip) as (data: Uint8Array, options: zlib.ZlibOptions) => Promise<Uint8Array>;
const deflateAsync = promisify(zlib.deflate) as typeof gzipAsync;
const gunzipAsync = promisify(zlib.gunzip) as typeof gzipAsync;
const inflateAsync = promisify(zlib.inflate) as typeof gzipAsync;

/** What `grpc-accept-encoding` says of this server. */
export const ACCEPTED_ENCODINGS = "identity,deflate,gzip";

/**
 * A compressed message as it was.
 *
 * @param encoding `grpc-encoding` of the call: `gzip` or `deflate` (zlib-wrapped).
 * @throws Status UNIMPLEMENTED for another encoding, INTERNAL for corrupt data, RESOURCE_EXHAUSTED beyond `limit` bytes.
 */
export async function decompress(
  message: Uint8Array,
  encoding: string | null,
  limit = MAX_MESSAGE_BYTES,
): Promise<Uint8Array> {
  if (encoding !== "gzip" && encoding !== "deflate") throw unknownMessageEncoding(encoding ?? "");
  const options = { maxOutputLength: limit };
  try {
    if (encoding === "gzip") {
      return message.length < ASYNC_BYTES
        ? plain(zlib.gunzipSync(message, options))
        : plain(await gunzipAsync(message, options));
    }
    return message.length < ASYNC_BYTES
      ? plain(zlib.inflateSync(message, options))
      : plain(await inflateAsync(message, options));
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code === "ERR_BUFFER_TOO_LARGE") throw messageTooLarge(limit + 1, limit);
    throw messageNotDecompressed(encoding, message ?? Status.from(error).message);
  }
}

/** Compresses with `gzip` or `deflate`, whichever is asked for. */
export async function compress(
  message: Uint8Array,
  encoding: "gzip" | "deflate",
  level: Exclude<CompressionLevel, "none">,
): Promise<Uint8Array> {
  const options = { level: ZLIB_LEVEL[level] };
  if (message.length < ASYNC_BYTES) {
    return plain(encoding === "gzip" ? zlib.gzipSync(message, options) : zlib.deflateSync(message, options));
  }
  return plain(await (encoding === "gzip" ? gzipAsync : deflateAsync)(message, options));
}

/** The encoding to answer with, from the client's `grpc-accept-encoding`; undefined for none that both know. */
export function negotiate(accept: string | null): "gzip" | "deflate" | undefined {
  if (!accept) return undefined;
  const names = accept.split(",").map((name) => name.trim());
  return names.includes("gzip") ? "gzip" : names.includes("deflate") ? "deflate" : undefined;
}

function plain(data: Uint8Array): Uint8Array {
  return Buffer.isBuffer(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : data;
}
