/** The head of a request, parsed. Heads that clients send again and again are parsed once: it never changes. */
export interface Head {
  readonly method: string;
  /** As `Request.url` gives it: absolute, and as the client wrote it. */
  readonly url: string;
  /** By lower-case name; values of repeated names joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body; -1 if it comes in chunks. */
  readonly length: number;
  readonly keepAlive: boolean;
  /** 0 for HTTP/1.0, which knows no chunks. */
  readonly minorVersion: number;
  /** The client waits to be told before it sends the body. */
  readonly expectsContinue: boolean;
}

/** Why a head is refused. */
export class BadHead extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\u0080-\uffff]+) HTTP\/(\d)\.(\d)$/;
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]+)(.*)$/is;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t -~\u0080-\uffff]*$/;
const CHUNKED = /^chunked$/i;

/**
 * Parses the head of a request: request line and headers, without the empty line that ends it.
 *
 * Strict where leniency lets two servers read one request differently: lengths are digits and agree, a body has either a
 * length or chunks, names are tokens without blanks before the colon, lines are not folded, values have no control
 * characters.
 *
 * @param text the head, decoded as UTF-8: names of models and values of headers may have any characters.
 * @throws BadHead with the status to answer before the connection is closed.
 */
export function parseHead(text: string): Head {
  const lines = text.split("\r\n");
  const match = REQUEST_LINE.exec(lines[0]);
  if (!match) throw new BadHead(400, `the request line '${shown(lines[0])}' is not '<method> <path> HTTP/1.1'`);
  const [, method, target, major, minor] = match;
  if (major !== "1") throw new BadHead(505, `HTTP/${major}.${minor} is not spoken on this port, HTTP/1.1 is`);
  const headers = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i];
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (!TOKEN.test(name)) throw new BadHead(400, `the header line '${shown(line)}' is not '<name>: <value>'`);
    const value = trimmed(line, colon + 1);
    if (!VALUE.test(value)) throw new BadHead(400, `header ${name} has a control character in its value`);
    const key = name.toLowerCase();
    const before = headers.get(key);
    if (before !== undefined && key === "host") throw new BadHead(400, "the request has several Host headers");
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  const minorVersion = Number(minor);
  return {
    method: method.toUpperCase() === method ? method : badMethod(method),
    url: urlOf(method, target),
    headers,
    length: lengthOf(headers, minorVersion),
    keepAlive: keepsAlive(headers.get("connection"), minorVersion),
    minorVersion,
    // a client of HTTP/1.0 does not know the answer to this
    expectsContinue: minorVersion > 0 && headers.get("expect")?.toLowerCase() === "100-continue",
  };
}

/** The URL of a target: only a whole scheme makes one absolute, so that nothing within a path can. */
function urlOf(method: string, target: string): string {
  if (target.startsWith("/")) return `http://-${target}`;
  const absolute = ABSOLUTE_TARGET.exec(target);
  if (absolute) {
    const [, authority, rest] = absolute;
    return `http://${authority}${rest.startsWith("/") ? rest : `/${rest}`}`;
  }
  if (method === "CONNECT" || method === "OPTIONS" && target === "*") return `http://-/${target}`;
  throw new BadHead(400, `the target '${shown(target)}' is neither a path that begins with '/' nor an http URL`);
}

function keepsAlive(connection: string | undefined, minorVersion: number): boolean {
  if (connection === undefined) return minorVersion > 0;
  const options = connection.toLowerCase().split(",").map((option) => trimmed(option));
  return !options.includes("close") && (minorVersion > 0 || options.includes("keep-alive"));
}

function badMethod(method: string): never {
  throw new BadHead(400, `the method '${shown(method)}' is not written in capitals`);
}

/** @param headers whose Content-Length is made one number if it is there several times. */
function lengthOf(headers: Map<string, string>, minorVersion: number): number {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw new BadHead(400, "the request has both Content-Length and Transfer-Encoding");
    if (!CHUNKED.test(coding) || minorVersion === 0) {
      throw new BadHead(501, `Transfer-Encoding '${shown(coding)}' is not supported, 'chunked' is`);
    }
    return -1;
  }
  if (length === undefined) return 0;
  const values = new Set(length.split(",").map((value) => trimmed(value)));
  const [value] = values;
  if (values.size > 1) throw new BadHead(400, `the request has several Content-Lengths that differ: ${shown(length)}`);
  if (!/^\d{1,15}$/.test(value)) throw new BadHead(400, `Content-Length '${shown(value)}' is not a number of bytes`);
  headers.set("content-length", value);
  return Number(value);
}

/** A text without the blanks and tabs around it; `trim` takes away more, and so makes lengths of what are none. */
function trimmed(text: string, from = 0): string {
  let end = text.length;
  while (from < end && isBlank(text.charCodeAt(from))) from++;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09;
}

/** What a client sent, short enough for a sentence. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}

/** Parsed heads by their text: the same text is the same head, whoever sends it. */
export class HeadCache {
  static readonly #MAX = 256;
  static readonly #MAX_LENGTH = 2048;
  readonly #known = new Map<string, Head>();

  /** @throws BadHead */
  parse(text: string): Head {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = parseHead(text);
    if (text.length <= HeadCache.#MAX_LENGTH) {
      if (this.#known.size === HeadCache.#MAX) this.#known.clear();
      this.#known.set(text, head);
    }
    return head;
  }
}
