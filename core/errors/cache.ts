/** Errors of the response cache: all at start-up, since a cache that fails later is only missed. */
import { declare } from "./declare.ts";

export const redisWithoutAddress = declare(
  "INVALID_ARGUMENT",
  (missing: string) =>
    `Failed to initialize RedisCache: Must at a minimum specify host and port, and ${missing} is missing: ` +
    "--cache-config=redis,host=<host> --cache-config=redis,port=<port>",
);

export const redisSetting = declare(
  "INVALID_ARGUMENT",
  (setting: string, value: string, expected: string) =>
    `Failed to initialize RedisCache: ${setting} is '${value}', expected ${expected}`,
);

export const redisUnknownSetting = declare(
  "INVALID_ARGUMENT",
  (setting: string, known: readonly string[]) =>
    `Failed to initialize RedisCache: there is no setting '${setting}'; there are ${known.join(", ")}`,
);

export const redisRefused = declare(
  "INTERNAL",
  (address: string, reason: string) =>
    `Failed to initialize RedisCache: Failed to connect to Redis at ${address}: ${reason}. Check user, password and db ` +
    "of --cache-config=redis, or TRITONCACHE_REDIS_USERNAME and TRITONCACHE_REDIS_PASSWORD",
);
