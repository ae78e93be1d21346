import { atMost } from "../at_most.ts";
import type { InferenceServer } from "../inference_server.ts";
import { createHttpApp } from "./app.ts";
import type { HttpOptions } from "./options.ts";
import { listenHttp1 } from "./http1/listener.ts";

/** Where and how to serve HTTP. */
export interface HttpServeOptions extends HttpOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Several processes may listen at the port. Needs Deno's `--unstable-net`. */
  readonly reusePort?: boolean;
}

/** The HTTP front end while it listens. */
export interface HttpService {
  readonly port: number;
  /** Accepts nothing more. Resolves when the requests in progress have finished, after `graceMs` at the latest. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Serves HTTP.
 *
 * @throws Deno.errors.AddrInUse, or another error of the system, where the port cannot be opened.
 */
export function serveHttp(server: InferenceServer, options: HttpServeOptions): HttpService {
  const app = createHttpApp(server, options);
  const { hostname, port, reusePort } = options;
  const listener = listenHttp1(hostname, port, (request) => app.fetch(request), { reusePort });
  return { port: listener.port, stop: (graceMs) => atMost(listener.shutdown(), graceMs) };
}
