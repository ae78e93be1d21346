import { Duration } from "./statistics.ts";

/** What a response cache has done since the server started: the source of the `nv_cache_*` gauges without labels. */
export class CacheStatistics {
  /** Responses in the cache. */
  entries = 0;
  /** Share of its bytes in use, 0 to 1. */
  utilization = 0;
  hits = 0;
  misses = 0;
  evictions = 0;
  /** Looking up, hits and misses together. */
  readonly lookup: Duration = new Duration();
  readonly insertion: Duration = new Duration();
}
