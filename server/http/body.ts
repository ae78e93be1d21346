import { joinBytes } from "../../core/bytes.ts";
import { bodyNotRead, bodyTooLarge, tooManyChunks } from "../../core/errors/http.ts";
import type { Status } from "../../core/status.ts";

/** What one request may have in all, binary tensors included: as much as a gRPC message. */
export const MAX_BODY_SIZE = 2 ** 31 - 1;
/** Chunks that are not empty, of a body without a length. */
const MAX_CHUNKS = 65536;

/**
 * The whole body of a request.
 *
 * @param limit bytes it may have; a body that says to be longer is not read.
 * @param tooLarge makes the error for a longer body, from its size where it is known.
 * @throws Status INVALID_ARGUMENT
 */
export async function readBody(
  request: Request,
  limit: number,
  tooLarge: (bytes: number | string) => Status,
): Promise<Uint8Array<ArrayBuffer>> {
  const length = request.headers.get("content-length");
  if (length === null) return await readChunks(request, limit, tooLarge);
  if (Number(length) > limit) throw tooLarge(Number(length));
  try {
    return await request.bytes();
  } catch (error) {
    throw bodyNotRead((error as Error).message);
  }
}

/** The body of a request that only the size of all requests limits. */
export function readAnyBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  return readBody(request, MAX_BODY_SIZE, () => bodyTooLarge(MAX_BODY_SIZE));
}

async function readChunks(
  request: Request,
  limit: number,
  tooLarge: (bytes: number | string) => Status,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      if (chunk.length === 0) continue;
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit || chunks.length > MAX_CHUNKS) break;
    }
  } catch (error) {
    throw bodyNotRead((error as Error).message);
  }
  if (size > limit) throw tooLarge(`more than ${limit}`);
  if (chunks.length > MAX_CHUNKS) throw tooManyChunks(MAX_CHUNKS);
  return joinBytes(chunks, size);
}
