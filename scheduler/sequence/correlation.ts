import type { CorrelationId } from "../../core/inference.ts";

/** What identifies a sequence in a map: the same for 5 and 5n; undefined for 0 and "", which mean none. */
export type SequenceKey = number | bigint | string;

/** @param id a string, or an unsigned 64-bit number. */
export function sequenceKey(id: CorrelationId): SequenceKey | undefined {
  if (typeof id === "bigint") {
    if (id > BigInt(Number.MAX_SAFE_INTEGER)) return id;
    return id === 0n ? undefined : Number(id);
  }
  return id === 0 || id === "" ? undefined : id;
}

/** An id that no client is likely to use, for a request that begins an iterative sequence without one. */
export function inventedId(serial: number): bigint {
  return (1n << 63n) + BigInt(serial);
}
