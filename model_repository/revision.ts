import { join } from "node:path";

/**
 * For each version, a text that changes when one of its files, or one that the versions share, is added, removed or
 * written: the newest modification time, the number of files and their bytes.
 *
 * @param directory the model's.
 */
export async function revisionsOf(directory: string, versions: readonly number[]): Promise<Map<number, string>> {
  const shared = new Summary();
  await shared.add(directory, isVersionName);
  const revisions = new Map<number, string>();
  for (const version of versions) {
    const own = new Summary();
    await own.add(join(directory, String(version)), () => false);
    revisions.set(version, `${shared} | ${own}`);
  }
  return revisions;
}

function isVersionName(name: string): boolean {
  return /^\d+$/.test(name);
}

class Summary {
  #newest = 0;
  #files = 0;
  #bytes = 0;

  /** @param skipped says which directories directly in `directory` do not count. */
  async add(directory: string, skipped: (name: string) => boolean): Promise<void> {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      const path = join(directory, name);
      if (isDirectory) {
        if (!skipped(name)) await this.add(path, () => false);
        continue;
      }
      try {
        // Follows links: the file that is read is the one that counts.
        const { mtime, size } = await Deno.stat(path);
        this.#newest = Math.max(this.#newest, mtime?.getTime() ?? 0);
        this.#files++;
        this.#bytes += size;
      } catch (thrown) {
        // Gone since it was listed, or a link to nothing: it says nothing about the model.
        if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      }
    }
  }

  toString(): string {
    return `${this.#newest} ${this.#files} ${this.#bytes}`;
  }
}
