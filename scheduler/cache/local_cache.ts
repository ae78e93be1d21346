import { LRUCache } from "lru-cache";
import type { Tensor } from "../../core/tensor.ts";
import { CacheStatistics } from "../../observability/cache_statistics.ts";
import type { CachedResponse, Insertion, ResponseCache } from "./response_cache.ts";

/** What an entry and each of its tensors take besides the tensor's bytes: objects, shape, key, place in the list. */
const ENTRY_BYTES = 384;
const TENSOR_BYTES = 256;

interface Entry {
  readonly response: CachedResponse;
  readonly owner: object;
}

/**
 * Keeps responses in this process, up to a number of bytes; who was not asked for longest goes first.
 */
export class LocalCache implements ResponseCache {
  readonly shared = false;
  readonly statistics: CacheStatistics = new CacheStatistics();
  readonly #entries: LRUCache<string, Entry>;

  /** @param bytes at least 1. What entries take besides their tensors is estimated. */
  constructor(private readonly bytes: number) {
    this.#entries = new LRUCache<string, Entry>({
      maxSize: bytes,
      dispose: (_entry, _key, reason) => {
        if (reason === "evict") this.statistics.evictions++;
      },
    });
  }

  lookup(key: string): CachedResponse | undefined {
    const began = performance.now();
    const entry = this.#entries.get(key);
    const { statistics } = this;
    statistics.lookup.add(performance.now() - began);
    if (entry === undefined) {
      statistics.misses++;
      return undefined;
    }
    statistics.hits++;
    return entry.response;
  }

  insert(key: string, response: CachedResponse, owner: object): Insertion {
    const began = performance.now();
    const size = sizeOf(response);
    if (size > this.bytes) return "too large";
    const kept = { outputs: response.outputs.map(ownBytes), parameters: response.parameters };
    this.#entries.set(key, { response: kept, owner }, { size });
    this.statistics.insertion.add(performance.now() - began);
    this.#measure();
    return "kept";
  }

  joined(): void {
    this.statistics.hits++;
    this.statistics.lookup.add(0);
  }

  forget(owner: object): void {
    for (const [key, entry] of this.#entries.entries()) if (entry.owner === owner) this.#entries.delete(key);
    this.#measure();
  }

  close(): Promise<void> {
    this.#entries.clear();
    this.#measure();
    return Promise.resolve();
  }

  #measure(): void {
    this.statistics.entries = this.#entries.size;
    this.statistics.utilization = this.#entries.calculatedSize / this.bytes;
  }
}

function sizeOf({ outputs, parameters }: CachedResponse): number {
  let size = ENTRY_BYTES;
  for (const { name, data } of outputs) size += TENSOR_BYTES + name.length + data.byteLength;
  for (const [name, value] of parameters ?? []) size += 64 + name.length + String(value).length;
  return size;
}

/** The tensor with memory of its own: as a view it would keep a whole request body or batch alive. */
function ownBytes(tensor: Tensor): Tensor {
  const { name, datatype, shape, data } = tensor;
  return data.byteLength === data.buffer.byteLength ? tensor : { name, datatype, shape, data: data.slice() };
}
