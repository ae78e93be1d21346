/** A trailer or header: a lower-case name and a printable ASCII value. */
export type Field = readonly [name: string, value: string];

/** The headers of a request, as of `Headers`: names are asked for in lower case. */
export interface Metadata extends Iterable<[name: string, value: string]> {
  get(name: string): string | null;
  has(name: string): boolean;
}

/** One HTTP/2 call as the transport received it. */
export interface GrpcCall {
  /** HTTP method: `POST` for every gRPC call. */
  readonly method: string;
  /** Path without the query, as `/inference.GRPCInferenceService/ModelInfer`. */
  readonly path: string;
  /** Absolute URL. */
  readonly url: string;
  /** Request metadata. */
  readonly headers: Metadata;
  /**
   * Aborted when the client has cancelled the call or its connection is gone. To be asked for before anything is awaited:
   * what happens before is not seen.
   */
  readonly signal: AbortSignal;
  /**
   * The next bytes of the body, which are the caller's; undefined after the last. The body of a cancelled call ends like a
   * finished one: look at {@link signal} after the end. One read at a time.
   *
   * @param into where the caller wants the bytes. A transport that puts them there fills it, unless the body ends before,
   *   and the result is a view of it; others take no notice and give a piece of any length.
   */
  read(into?: Uint8Array): Promise<Uint8Array | undefined>;
}

/** The answer to a call. */
export interface GrpcReply {
  readonly status: number;
  readonly headers: readonly Field[];
  /**
   * One piece, or pieces as they come; an iterator that throws breaks the stream off. Pieces are the transport's from
   * then on: it may give the memory of large ones back.
   */
  readonly body: Uint8Array | AsyncIterator<Uint8Array> | undefined;
  /** Sent after the body; asked for when the body has ended. Undefined for an answer without trailers (not gRPC). */
  readonly trailers: readonly Field[] | (() => readonly Field[]) | undefined;
}

/** Answers a call; never rejects. */
export type GrpcHandler = (call: GrpcCall) => Promise<GrpcReply>;

export interface TransportOptions {
  /** Address to listen on, as `0.0.0.0`. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Lets other processes and workers listen on the same port. */
  readonly reusePort: boolean;
}

export interface ListeningTransport {
  readonly port: number;
  /** Accepts no more calls, lets those that run finish for up to `graceMs`, then aborts the signals of what is left. */
  stop(graceMs: number): Promise<void>;
}

/** HTTP/2 with trailers: the one thing that gRPC needs of the platform. */
export interface GrpcTransport {
  readonly name: "socket" | "node";
  /** @throws Deno.errors.AddrInUse and other errors of listening. */
  start(options: TransportOptions, handler: GrpcHandler): Promise<ListeningTransport>;
}

const NAME = /^[0-9a-z_.\-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/** True where HTTP/2 can carry it; below, nothing checks again and a bad name may end the process. */
export function isSendable(field: Field): boolean {
  return NAME.test(field[0]) && VALUE.test(field[1]);
}
