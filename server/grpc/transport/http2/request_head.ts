import type { Metadata } from "../transport.ts";
import type { HeaderField } from "./hpack/static_table.ts";

/** What a header block says of a request. */
export interface RequestHead {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Metadata;
  /** `content-length`, -1 without one. */
  readonly length: number;
}

/** Request headers: names in lower case, values of one name joined by commas. */
class RequestHeaders implements Metadata {
  readonly #values = new Map<string, string>();

  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  add(name: string, value: string): void {
    const before = this.#values.get(name);
    this.#values.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#values.entries();
  }
}

/** Fields that belong to a connection of HTTP/1.1 and are forbidden in HTTP/2. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const VALUE = /^[^\0\r\n]*$/;
/** Where the whole server is meant, `*` stands for a path. */
const TARGET = /^(?:\/|\*$)/;

/** The request that a list of fields makes (RFC 9113, section 8.3). @returns undefined for a malformed one. */
export function readRequestHead(fields: readonly HeaderField[]): RequestHead | undefined {
  let method, scheme, target, authority: string | undefined;
  const headers = new RequestHeaders();
  let regular = false;
  for (const field of fields) {
    const { name, value } = field;
    if (!(field.good ??= isGood(name, value))) return undefined;
    if (name.charCodeAt(0) !== COLON) {
      regular = true;
      headers.add(name, trimmed(value));
      continue;
    }
    if (regular) return undefined;
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":path" && target === undefined) target = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else return undefined;
  }
  if (!method || !scheme || !target || !TARGET.test(target)) return undefined;
  const length = headers.get("content-length");
  if (length !== null && !/^[0-9]{1,15}$/.test(length)) return undefined;
  return {
    method,
    scheme,
    target,
    authority: authority ?? headers.get("host") ?? "localhost",
    headers,
    length: length === null ? -1 : Number(length),
  };
}

/** True for trailers of a request: fields without those of its head. */
export function areGoodTrailers(fields: readonly HeaderField[]): boolean {
  return fields.every(({ name, value }) => name.charCodeAt(0) !== COLON && isGood(name, value));
}

const COLON = 0x3a;
const BLANKS = /^[ \t]+|[ \t]+$/g;

/** HTTP/2 has no blanks around a value, but gRPC clients that send them are to be served. */
function trimmed(value: string): string {
  return value.charCodeAt(0) > 0x20 && value.charCodeAt(value.length - 1) > 0x20 ? value : value.replace(BLANKS, "");
}

function isGood(name: string, value: string): boolean {
  if (name.charCodeAt(0) === COLON) return VALUE.test(value);
  return NAME.test(name) && VALUE.test(value) && !OF_CONNECTIONS.has(name) && (name !== "te" || value === "trailers");
}
