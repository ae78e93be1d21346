import { type Field, isSendable } from "../../transport.ts";
import { STATIC_NAMES, STATIC_TABLE } from "./static_table.ts";

const blocks = new WeakMap<readonly Field[], Uint8Array>();
const statuses = new Map<number, Uint8Array>();
const encoder = new TextEncoder();

/** The `:status` of an answer as HPACK has it. */
export function encodeStatus(status: number): Uint8Array {
  let bytes = statuses.get(status);
  if (bytes === undefined) {
    const index = STATIC_TABLE.findIndex(({ name, value }) => name === ":status" && value === String(status));
    bytes = index > 0 ? Uint8Array.of(0x80 | index) : encodeFields([[":status", String(status)]]);
    statuses.set(status, bytes);
  }
  return bytes;
}

/**
 * The headers or trailers of an answer, without those that cannot be sent. Lists that live long, such as the headers of
 * every answer, are looked at and encoded once.
 */
export function encodeSendable(fields: readonly Field[]): Uint8Array {
  let bytes = blocks.get(fields);
  if (bytes === undefined) {
    bytes = encodeFields(fields.filter(isSendable));
    blocks.set(fields, bytes);
  }
  return bytes;
}

/**
 * Fields in HPACK, as literals that leave the client's table as it is: an answer has few, and the same bytes serve every
 * connection.
 */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of fields) {
    const index = STATIC_NAMES.get(name) ?? 0;
    pushInteger(out, 0, 4, index);
    if (index === 0) pushText(out, name);
    pushText(out, value);
  }
  return Uint8Array.from(out);
}

function pushText(out: number[], text: string): void {
  const bytes = encoder.encode(text);
  pushInteger(out, 0, 7, bytes.length);
  for (const byte of bytes) out.push(byte);
}

function pushInteger(out: number[], flags: number, prefix: number, value: number): void {
  const mask = (1 << prefix) - 1;
  if (value < mask) {
    out.push(flags | value);
    return;
  }
  out.push(flags | mask);
  for (value -= mask; value >= 0x80; value = Math.floor(value / 0x80)) out.push(value & 0x7f | 0x80);
  out.push(value);
}
