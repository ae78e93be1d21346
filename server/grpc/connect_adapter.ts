import { ConnectError } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { Status } from "../../core/status.ts";
import { cutText } from "./status.ts";
import { MAX_TIMER_MS, timeoutMs } from "./timeout.ts";
import type { Field, GrpcCall, GrpcReply } from "./transport/transport.ts";

/** Answers a call with one of Connect's handlers: gRPC, gRPC-Web or Connect, whichever the call speaks. */
export async function answerWithConnect(handler: UniversalHandler, call: GrpcCall): Promise<GrpcReply> {
  const abort = new AbortController();
  const forward = () => abort.abort(call.signal.reason);
  if (call.signal.aborted) forward();
  else call.signal.addEventListener("abort", forward, { once: true });
  const response = await handler({
    httpVersion: "2.0",
    method: call.method,
    url: call.url,
    header: headersOf(call),
    body: bodyOf(call),
    signal: abort.signal,
  });
  const headers: Field[] = response.header ? [...response.header] : [];
  const { trailer } = response;
  return {
    status: response.status,
    headers,
    body: response.body && untilCancelled(response.body[Symbol.asyncIterator](), abort),
    trailers: trailer && (() => [...trailer]),
  };
}

/** The headers of a call, without a deadline so far away that Connect's timer would end it at once. */
function headersOf(call: GrpcCall): Headers {
  const headers = new Headers([...call.headers]);
  const grpc = headers.get("grpc-timeout"), connect = headers.get("connect-timeout-ms");
  if (grpc !== null && timeoutMs(grpc) > MAX_TIMER_MS) headers.delete("grpc-timeout");
  if (connect !== null && Number(connect) > MAX_TIMER_MS) headers.delete("connect-timeout-ms");
  return headers;
}

async function* bodyOf(call: GrpcCall): AsyncGenerator<Uint8Array> {
  for (let chunk; (chunk = await call.read());) yield chunk;
  // The body of a cancelled call ends like a finished one.
  if (call.signal.aborted) throw new DOMException("the client cancelled the call", "AbortError");
}

/** The response's pieces; a client that goes away in between aborts the handler. */
function untilCancelled(pieces: AsyncIterator<Uint8Array>, abort: AbortController): AsyncIterator<Uint8Array> {
  return {
    next: () => pieces.next(),
    return(value) {
      abort.abort();
      return pieces.return?.(value) ?? Promise.resolve({ done: true, value });
    },
  };
}

/** The error that makes Connect answer with a Status's code and text. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const status = Status.from(error);
  return new ConnectError(cutText(status.message), status.grpcStatus);
}
