import { redisSetting, redisUnknownSetting, redisWithoutAddress } from "../../core/errors/cache.ts";

/** How Redis is reached. */
export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  /** Number of the database. */
  readonly db: number;
  /** Milliseconds for a connection to be made. */
  readonly connectTimeoutMs: number;
  /** Milliseconds that a request waits for an answer of Redis before it goes on without. */
  readonly socketTimeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 5000;
const SOCKET_TIMEOUT_MS = 100;

const KNOWN = ["host", "port", "user", "password", "db", "connect_timeout", "socket_timeout"];

/** Settings of Triton's client, where requests wait for one of several connections; here they share one. */
export const WITHOUT_EFFECT: readonly string[] = ["pool_size", "wait_timeout"];

/**
 * Reads `--cache-config=redis,<setting>=<value>`, with the names of Triton's Redis cache. User and password may come from
 * the environment, TRITONCACHE_REDIS_USERNAME and TRITONCACHE_REDIS_PASSWORD, so that they are not on a command line.
 * Timeouts of 0, Triton's default, would have requests wait for ever and mean the defaults here.
 *
 * @throws Status INVALID_ARGUMENT
 */
export function readRedisSettings(
  settings: ReadonlyMap<string, string>,
  environment: (name: string) => string | undefined,
): RedisSettings {
  for (const name of settings.keys()) {
    if (![...KNOWN, ...WITHOUT_EFFECT].includes(name)) throw redisUnknownSetting(name, KNOWN);
  }
  const host = settings.get("host");
  if (!host) throw redisWithoutAddress("host");
  if (!settings.has("port")) throw redisWithoutAddress("port");
  return {
    host,
    port: integer(settings, "port", 0, 1, 65535),
    user: settings.get("user") ?? environment("TRITONCACHE_REDIS_USERNAME"),
    password: settings.get("password") ?? environment("TRITONCACHE_REDIS_PASSWORD"),
    db: integer(settings, "db", 0, 0, 2 ** 31 - 1),
    connectTimeoutMs: integer(settings, "connect_timeout", 0, 0, 2 ** 31 - 1) || CONNECT_TIMEOUT_MS,
    socketTimeoutMs: integer(settings, "socket_timeout", 0, 0, 2 ** 31 - 1) || SOCKET_TIMEOUT_MS,
  };
}

function integer(settings: ReadonlyMap<string, string>, name: string, otherwise: number, min: number, max: number) {
  const text = settings.get(name);
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw redisSetting(name, text, `a whole number from ${min} to ${max}`);
  return value;
}
