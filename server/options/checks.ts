/** What no single option can tell: options that do not fit together, that have no effect, or that cannot be honoured. */
import * as errors from "../../core/errors/options.ts";
import type { Status } from "../../core/status.ts";
import { optionName } from "./option.ts";
import { OPTION_LIST, type OptionKey, OPTIONS, type ServerOptions } from "./table.ts";

/** The caches of `--cache-config`. */
const CACHES: readonly string[] = ["local", "redis"];

/** The address of the metrics port: that of HTTP unless it has one of its own. */
export function metricsAddressOf(options: ServerOptions): string {
  return options.metricsAddress === "" ? options.httpAddress : options.metricsAddress;
}

/** Contradictions between options: errors of usage. */
export function checkTogether(options: ServerOptions): Status | undefined {
  const ports = [
    { what: "HTTP", on: options.allowHttp, address: options.httpAddress, port: options.httpPort },
    { what: "GRPC", on: options.allowGrpc, address: options.grpcAddress, port: options.grpcPort },
    {
      what: "metrics",
      on: options.allowMetrics,
      address: metricsAddressOf(options),
      port: options.metricsPort,
    },
  ].filter(({ on, port }) => on && port !== 0);
  for (const [i, one] of ports.entries()) {
    const other = ports.slice(i + 1).find(({ address, port }) => port === one.port && overlap(address, one.address));
    if (other) return errors.samePort(one.what, other.what, `${one.address}:${one.port}`);
  }
  if (options.loadModel.length > 0 && options.modelControlMode !== "explicit") return errors.loadModelWithoutExplicit();
  return undefined;
}

function overlap(one: string, other: string): boolean {
  const any = (address: string) => address === "0.0.0.0" || address === "::";
  return one === other || any(one) || any(other);
}

/** What Triton finds out when it creates the server: shown as `error: creating server: …`. */
export function checkStartup(options: ServerOptions): Status | undefined {
  if (options.modelRepository.length === 0) return errors.repositoryMissing();
  if (options.loadModel.length > 1 && options.loadModel.includes("*")) return errors.wildcardNotAlone();
  if (options.cacheConfig.size > 1) return errors.twoCaches();
  for (const [cache, settings] of options.cacheConfig) {
    if (!CACHES.includes(cache)) return errors.unknownCache(cache, CACHES);
    if (cache !== "local") continue;
    const size = settings.get("size") ?? "";
    if (!/^\d+$/.test(size)) return errors.cacheSize(size);
  }
  for (const fraction of options.modelLoadGpuLimit.values()) {
    if (fraction < 0 || fraction > 1) return errors.gpuLimit(fraction);
  }
  if ((options.reuseHttpPort || options.reuseGrpcPort) && !("listenDatagram" in Deno)) {
    return errors.reuseNeedsFlag(options.reuseHttpPort ? "reuse-http-port" : "reuse-grpc-port");
  }
  for (const [key, { effect, why }] of changed(options)) {
    if (effect === "refused") {
      return errors.comesLater(`--${optionName(key)}=${shown(options, key).split("\n").join(" ")}`, why!);
    }
  }
  return undefined;
}

/** One sentence for every option that is set and has no effect. */
export function ineffective(options: ServerOptions): string[] {
  return changed(options).flatMap(([key, { effect, why }]) => {
    if (effect === "none") return [`--${optionName(key)} has no effect: ${why}`];
    if (effect === "later") return [`--${optionName(key)} has no effect yet: ${why}`];
    return [];
  });
}

/** Options whose value is not the default. */
function changed(options: ServerOptions): typeof OPTION_LIST {
  return OPTION_LIST.filter(([key, { type }]) => type.show(options[key]) !== type.show(OPTIONS[key].default));
}

/** The value of an option as people see it. */
export function shown(options: ServerOptions, key: OptionKey): string {
  const entry = OPTION_LIST.find(([other]) => other === key)!;
  return entry[1].type.show(options[key]);
}

/** Options worth showing at start, with their values: those that were set and the prominent ones, or all. */
export function summary(options: ServerOptions, given: ReadonlySet<OptionKey>, all = false): [string, string][] {
  return OPTION_LIST
    .filter(([key, { prominent, deprecated }]) => !deprecated && (all || given.has(key) || prominent === true))
    .filter(([key]) => key !== "help" && key !== "version")
    .map(([key]) => [optionName(key), shown(options, key)]);
}
