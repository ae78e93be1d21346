import { createHash, type Hash } from "node:crypto";
import { join } from "node:path";

/** Bytes that are read at once. */
const PIECE_BYTES = 1 << 20;

/**
 * SHA-256, in hexadecimal, over the names and bytes of the files that a version is made from: its own, and those that the
 * versions share. Times do not count, nor hidden entries: copies of a model on several machines agree, and models that
 * were written at the same time with the same sizes do not.
 *
 * @param directory the model's.
 */
export async function contentsOf(directory: string, version: number): Promise<string> {
  const hash = createHash("sha256");
  await addDirectory(hash, directory, "", (name) => /^\d+$/.test(name));
  await addDirectory(hash, join(directory, String(version)), "version/", () => false);
  return hash.digest("hex");
}

/** @param skipped says which entries directly in the directory do not count. */
async function addDirectory(
  hash: Hash,
  directory: string,
  prefix: string,
  skipped: (name: string) => boolean,
  above: readonly string[] = [],
): Promise<void> {
  const real = await unlessMissing(() => Deno.realPath(directory));
  // Links may lead back to where they are.
  if (real === undefined || above.includes(real)) return;
  const names = await unlessMissing(async () => {
    return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  });
  for (const name of (names ?? []).sort()) {
    if (name.startsWith(".") || skipped(name)) continue;
    const path = join(directory, name);
    const found = await unlessMissing(() => Deno.stat(path));
    if (found?.isDirectory) await addDirectory(hash, path, `${prefix}${name}/`, () => false, [...above, real]);
    else if (found?.isFile) {
      const digest = await unlessMissing(() => digestOf(path));
      if (digest !== undefined) hash.update(`${prefix}${name}\0${digest}\0`);
    }
  }
}

async function digestOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE_BYTES);
  for (let bytes = await file.read(piece); bytes !== null; bytes = await file.read(piece)) {
    hash.update(piece.subarray(0, bytes));
  }
  return hash.digest("hex");
}

/** Undefined for what is not there, or cannot be read: no model was made from it. */
async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.PermissionDenied) return undefined;
    throw thrown;
  }
}
