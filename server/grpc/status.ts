import { Status } from "../../core/status.ts";
import type { Field } from "./transport/transport.ts";

const utf8 = new TextEncoder();

/** The trailers of success; one list for all calls. */
export const OK_TRAILERS: readonly Field[] = [["grpc-status", "0"]];

/** The trailers that tell a client of an error: `grpc-status` and, percent-encoded, `grpc-message`. */
export function errorTrailers(error: unknown): readonly Field[] {
  const status = Status.from(error);
  const fields: Field[] = [["grpc-status", String(status.grpcStatus)]];
  if (status.message) fields.push(["grpc-message", percentEncode(cutText(status.message))]);
  return fields;
}

/** The longest error text sent, in bytes of UTF-8: clients refuse header lists above 8 KiB, and a byte may become three. */
const MAX_TEXT_BYTES = 2500;

/** A text that fits into a trailer, cut at a character's end where it is too long. */
export function cutText(text: string): string {
  if (text.length * 3 <= MAX_TEXT_BYTES) return text;
  const bytes = utf8.encode(text);
  if (bytes.length <= MAX_TEXT_BYTES) return text;
  let end = MAX_TEXT_BYTES;
  while ((bytes[end] & 0xc0) === 0x80) end--;
  return new TextDecoder().decode(bytes.subarray(0, end)) + "…";
}

/** Text as `grpc-message` carries it: UTF-8, with bytes outside of printable ASCII, and `%`, as `%XX`. */
export function percentEncode(text: string): string {
  let out = "";
  for (const byte of utf8.encode(text)) {
    out += byte < 0x20 || byte > 0x7e || byte === 0x25
      ? "%" + byte.toString(16).toUpperCase().padStart(2, "0")
      : String.fromCharCode(byte);
  }
  return out;
}
