import { CACHE } from "../support/paths.ts";

/** Runs `work` while no other process holds the lock `name`; the lock goes with its process, however that ends. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  await Deno.mkdir(CACHE, { recursive: true });
  using file = await Deno.open(`${CACHE}/${name}.lock`, { create: true, write: true });
  await file.lock(true);
  return await work();
}
