import type { Log } from "../../observability/log.ts";
import { LocalCache } from "../../scheduler/cache/local_cache.ts";
import { RedisCache } from "../../scheduler/cache/redis_cache.ts";
import { readRedisSettings, WITHOUT_EFFECT } from "../../scheduler/cache/redis_settings.ts";
import type { ResponseCache } from "../../scheduler/cache/response_cache.ts";
import type { ServerOptions } from "../options/table.ts";

/**
 * The cache that `--cache-config` asks for; undefined for none, or for one of 0 bytes.
 *
 * @throws Status where it cannot be used as it is configured.
 */
export async function createResponseCache(
  { cacheConfig }: Pick<ServerOptions, "cacheConfig">,
  log: Log,
): Promise<ResponseCache | undefined> {
  const redis = cacheConfig.get("redis");
  for (const setting of WITHOUT_EFFECT) {
    if (redis?.has(setting)) log.info(`--cache-config=redis,${setting} has no effect: requests share one connection`);
  }
  if (redis) return await RedisCache.connect(readRedisSettings(redis, (name) => Deno.env.get(name)), log);
  const size = Number(cacheConfig.get("local")?.get("size") ?? 0);
  return size > 0 ? new LocalCache(size) : undefined;
}
