/** A body that is there as a whole. */
export type WholeBody = string | Uint8Array<ArrayBuffer> | null;

/**
 * A Response that still knows what it was made from, so that a transport can write status, headers and body as they are
 * instead of asking the Response for them.
 */
export class DirectResponse extends Response {
  /**
   * @param rawHeaders names and values in turn.
   * @param whole the body; null for none.
   */
  constructor(status: number, readonly rawHeaders: readonly string[], readonly whole: WholeBody) {
    super(whole, { status, headers: pairs(rawHeaders) });
  }
}

const known = new WeakMap<readonly string[], Headers>();

/** The same headers for the Response, made once for lists that are used again. */
function pairs(rawHeaders: readonly string[]): Headers {
  let headers = known.get(rawHeaders);
  if (headers === undefined) {
    headers = new Headers();
    for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i], rawHeaders[i + 1]);
    known.set(rawHeaders, headers);
  }
  return headers;
}
