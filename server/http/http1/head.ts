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

const REQUEST_LINE = /^([A-Za-z]+) (\S+) HTTP\/(\d)\.(\d)$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_IN_VALUE = /[\0\r\n]/;

/**
 * Parses the head of a request: request line and headers, without the empty line that ends it.
 *
 * Strict where leniency lets two servers read one request differently: lengths are digits and agree, a body has either a
 * length or chunks, names are tokens without blanks before the colon, lines are not folded.
 *
 * @param text the head as Latin-1.
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
    const value = line.slice(colon + 1).trim();
    if (FORBIDDEN_IN_VALUE.test(value)) throw new BadHead(400, `header ${name} has a control character in its value`);
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  const minorVersion = Number(minor);
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  return {
    method: method.toUpperCase() === method ? method : badMethod(method),
    url: target.startsWith("/") ? `http://-${target}` : target.includes("://") ? target : `http://-/${target}`,
    headers,
    length: lengthOf(headers, minorVersion),
    keepAlive: minorVersion === 0 ? connection.includes("keep-alive") : !connection.includes("close"),
    minorVersion,
    expectsContinue: headers.get("expect")?.toLowerCase() === "100-continue",
  };
}

function badMethod(method: string): never {
  throw new BadHead(400, `the method '${shown(method)}' is not written in capitals`);
}

function lengthOf(headers: ReadonlyMap<string, string>, minorVersion: number): number {
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== undefined) {
    if (length !== undefined) throw new BadHead(400, "the request has both Content-Length and Transfer-Encoding");
    if (coding.toLowerCase() !== "chunked" || minorVersion === 0) {
      throw new BadHead(501, `Transfer-Encoding '${shown(coding)}' is not supported, 'chunked' is`);
    }
    return -1;
  }
  if (length === undefined) return 0;
  const values = new Set(length.split(",").map((value) => value.trim()));
  const [value] = values;
  if (values.size > 1) throw new BadHead(400, `the request has several Content-Lengths that differ: ${shown(length)}`);
  if (!/^\d{1,15}$/.test(value)) throw new BadHead(400, `Content-Length '${shown(value)}' is not a number of bytes`);
  return Number(value);
}

/** What a client sent, short enough for a sentence. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > 60 ? `${plain.slice(0, 60)}…` : plain;
}

/** Parsed heads by their text. */
export class HeadCache {
  static readonly #MAX = 256;
  readonly #known = new Map<string, Head>();

  /** @throws BadHead */
  parse(text: string): Head {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const head = parseHead(text);
    if (text.length <= 2048) {
      if (this.#known.size === HeadCache.#MAX) this.#known.clear();
      this.#known.set(text, head);
    }
    return head;
  }
}
