import type { CacheStatistics } from "../../observability/cache_statistics.ts";
import type { Logger } from "../../observability/log.ts";
import { SystemUsage } from "../../observability/system_usage.ts";
import { atMost } from "../at_most.ts";
import { serveGrpc } from "../grpc/serve.ts";
import { serveHttp } from "../http/serve.ts";
import type { InferenceServer } from "../inference_server.ts";
import type { LoadTimes } from "../load_times.ts";
import { serveMetrics } from "../metrics_endpoint.ts";
import { metricsAddressOf } from "../options/checks.ts";
import { forwardPattern } from "../options/forward_pattern.ts";
import type { ServerOptions } from "../options/table.ts";
import { parseBoolean } from "../options/values.ts";
import { addressOf, type Listening } from "./endpoints.ts";
import type { Endpoint } from "./report.ts";

const METRICS_GRACE_MS = 1000;

/** A service that runs. */
export interface Service extends Endpoint {
  /** As Triton's log calls it. */
  readonly title: string;
  /** Accepts nothing more, and lets what runs finish for up to `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** What the metrics show besides the models. */
export interface Measures {
  readonly loadTimes: LoadTimes;
  /** Undefined without a response cache in this process. */
  readonly cache?: CacheStatistics;
}

/** The ports that the options ask for, in the order in which they are opened. */
export function portsOf(options: ServerOptions): Listening[] {
  const ports: (Listening & { on: boolean })[] = [
    {
      on: options.allowGrpc,
      service: "GRPC",
      hostname: options.grpcAddress,
      port: options.grpcPort,
      option: "grpc-port",
      addressOption: "grpc-address",
      reusePort: options.reuseGrpcPort,
    },
    {
      on: options.allowHttp,
      service: "HTTP",
      hostname: options.httpAddress,
      port: options.httpPort,
      option: "http-port",
      addressOption: "http-address",
      reusePort: options.reuseHttpPort,
    },
    {
      on: options.allowMetrics,
      service: "Metrics",
      hostname: metricsAddressOf(options),
      port: options.metricsPort,
      option: "metrics-port",
      addressOption: options.metricsAddress === "" ? "http-address" : "metrics-address",
      reusePort: false,
    },
  ];
  return ports.filter(({ on }) => on);
}

/** Opens one port. @throws the system's error where that fails. */
export async function openService(
  { service, hostname, port, reusePort }: Listening,
  server: InferenceServer,
  options: ServerOptions,
  measures: Measures,
  log: Logger,
): Promise<Service> {
  const at = { hostname, port, reusePort };
  switch (service) {
    case "GRPC": {
      const grpc = await serveGrpc(server, {
        ...at,
        responseCompression: options.grpcInferResponseCompressionLevel,
        headerForwardPattern: pattern("grpc-header-forward-pattern", options.grpcHeaderForwardPattern, log),
      });
      return {
        service: "gRPC",
        title: "GRPCInferenceService",
        address: addressOf(hostname, grpc.port),
        stop: (graceMs) => grpc.stop(graceMs),
      };
    }
    case "HTTP": {
      const http = await serveHttp(server, {
        ...at,
        maxInputSize: options.httpMaxInputSize,
        headerForwardPattern: pattern("http-header-forward-pattern", options.httpHeaderForwardPattern, log),
      });
      return {
        service: "HTTP",
        title: "HTTPService",
        address: addressOf(hostname, http.port),
        stop: (graceMs) => http.stop(graceMs),
      };
    }
    case "Metrics": {
      const metrics = serveMetrics(server.repository, {
        hostname,
        port,
        system: options.allowCpuMetrics ? new SystemUsage(options.metricsIntervalMs) : undefined,
        ...measures,
        counterLatencies: counterLatencies(options, log),
      });
      return {
        service: "Metrics",
        title: "Metrics Service",
        address: `${addressOf(hostname, metrics.addr.port)}/metrics`,
        // Its answers take no time, and a silent connection would hold the shutdown up.
        stop: (graceMs) => atMost(metrics.shutdown(), Math.min(graceMs, METRICS_GRACE_MS)),
      };
    }
  }
}

/** The pattern of a header forward option; one that is broken forwards nothing, and the log says so. */
function pattern(name: string, text: string, log: Logger): RegExp | undefined {
  const found = forwardPattern(text);
  if (text !== "" && !found) log.warning(`--${name}=${text} is no regular expression: no headers are forwarded`);
  return found;
}

/** Reads `--metrics-config`, and says which of its settings do nothing. */
function counterLatencies(options: ServerOptions, log: Logger): boolean {
  let latencies = true;
  for (const settings of options.metricsConfig.values()) {
    for (const [key, value] of settings) {
      const on = parseBoolean(value);
      if (key === "counter_latencies" && on !== undefined) latencies = on;
      else if (on !== false) log.warning(`--metrics-config=${key}=${value} has no effect yet`);
    }
  }
  return latencies;
}
