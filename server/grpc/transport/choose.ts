import type { Log } from "../../../observability/log.ts";
import { denoTransport } from "./deno_serve.ts";
import { nodeTransport } from "./node_http2.ts";
import { deliversTrailers } from "./trailer_check.ts";
import type { GrpcTransport } from "./transport.ts";

/** The transport asked for, or the first that works in this runtime. */
export async function chooseTransport(asked: "deno" | "node" | undefined, log: Log): Promise<GrpcTransport> {
  if (asked === "node") return nodeTransport;
  if (asked === "deno" || await deliversTrailers(denoTransport)) return denoTransport;
  log.warning(
    `Deno ${Deno.version.deno} does not deliver gRPC trailers over Deno.serve; gRPC runs on node:http2, which is slower. ` +
      `Use the Deno version that the README names`,
  );
  return nodeTransport;
}
