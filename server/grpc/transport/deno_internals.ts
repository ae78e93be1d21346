import { type Field, isSendable } from "./transport.ts";

/** The parts of Deno's internals that this file leans on; each may be missing in another version. */
interface Internals {
  addTrailers?(response: object, trailers: readonly Field[]): void;
}

const internals = (Deno as unknown as Record<symbol, Internals | undefined>)[
  (Deno as unknown as { internal: symbol }).internal
];

function symbolOf(object: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
}

const REQUEST = symbolOf(new Request("http://localhost/"), "request");
const RESPONSE = symbolOf(new Response(), "response");

/** What a Request of `Deno.serve` is inside. */
interface InnerRequest {
  /** The native handle; null once the call is over. */
  readonly external?: unknown;
  onCancel?(callback: () => void): void;
  /** A body that arrived as a whole holds its bytes, any other a stream. */
  readonly body?: { readonly streamOrStatic?: { readonly body?: unknown } } | null;
}

function innerOf(request: Request): InnerRequest | undefined {
  return REQUEST && (request as unknown as Record<symbol, InnerRequest | undefined>)[REQUEST];
}

/** Stands in for the response whose native handle `addTrailers` looks up; one for all, since it is used at once. */
const carrier = new Response() as unknown as Record<symbol, unknown>;

/**
 * Sets the trailers of the answer to `request`, which must be a stream that has not been closed: there is no public way.
 * Whether this works in the Deno that runs is for `deliversTrailers` to say.
 *
 * @returns false where the call is over or this Deno has no support.
 */
export function setTrailers(request: Request, trailers: readonly Field[]): boolean {
  if (!internals?.addTrailers || !RESPONSE) return false;
  const external = innerOf(request)?.external;
  if (!external) return false;
  carrier[RESPONSE] = { external, headerList: [] };
  // The native side checks nothing: an unsendable name ends the process.
  internals.addTrailers(carrier, trailers.every(isSendable) ? trailers : trailers.filter(isSendable));
  return true;
}

/**
 * Calls `callback` when the call is cancelled, and possibly when it is over. Cheaper than `request.signal`, which in the
 * end makes an exception for each call.
 */
export function onCancel(request: Request, callback: () => void): void {
  const inner = innerOf(request);
  if (inner?.onCancel) inner.onCancel(callback);
  else request.signal.addEventListener("abort", callback);
}

/**
 * The body of a request, where it had arrived as a whole before the handler was called, as small ones have. It spares the
 * making of a stream. Undefined for others; they are read through `request.body`.
 */
export function wholeBody(request: Request): Uint8Array | undefined {
  const bytes = innerOf(request)?.body?.streamOrStatic?.body;
  return bytes instanceof Uint8Array ? bytes : undefined;
}
