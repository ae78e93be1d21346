import { socketTransport } from "../../socket_http2.ts";
import type { GrpcCall, GrpcHandler, GrpcReply, ListeningTransport } from "../../transport.ts";

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly transport: ListeningTransport;
  /** The calls that the handler was given, in order. */
  readonly calls: readonly GrpcCall[];
}

export function reply(body: GrpcReply["body"], trailers: GrpcReply["trailers"] = [["grpc-status", "0"]]): GrpcReply {
  return { status: 200, headers: [["content-type", "application/grpc"]], body, trailers };
}

export async function bodyOf(call: GrpcCall): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let chunk; (chunk = await call.read());) pieces.push(chunk);
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
}

/** Answers with what was sent, or with so many bytes as the path says (`/42`); `/hang` waits until it is cancelled. */
async function standard(call: GrpcCall): Promise<GrpcReply> {
  const { signal } = call;
  if (call.path === "/hang") {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return reply(undefined);
  }
  const bytes = Number(call.path.slice(1));
  if (bytes > 0) return reply(new Uint8Array(bytes).fill(bytes));
  return reply(await bodyOf(call));
}

/** A server of HTTP/2 on a port of its own. */
export async function serve(handler: GrpcHandler = standard): Promise<TestServer> {
  const calls: GrpcCall[] = [];
  const transport = await socketTransport.start({ hostname: "127.0.0.1", port: 0, reusePort: false }, (call) => {
    calls.push(call);
    return handler(call);
  });
  return {
    port: transport.port,
    transport,
    calls,
    [Symbol.asyncDispose]: () => transport.stop(0),
  };
}
