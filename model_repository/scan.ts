import { join, resolve } from "node:path";
import { repositoryNotFound } from "../core/errors/repository.ts";

/**
 * The model directories of all repositories: by model name, where it is. A name with two directories is ambiguous. Files
 * beside the models, and hidden directories, are none.
 *
 * @throws Status INTERNAL for a repository that is no directory.
 */
export async function scanRepositories(roots: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const root of new Set(roots.map((path) => resolve(path)))) {
    for (const name of await directoriesIn(root)) {
      const paths = found.get(name);
      if (paths) paths.push(join(root, name));
      else found.set(name, [join(root, name)]);
    }
  }
  return found;
}

async function directoriesIn(root: string): Promise<string[]> {
  try {
    return await subdirectories(root);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
      throw repositoryNotFound(root);
    }
    throw thrown;
  }
}

/** Names of the directories in a directory, links to directories included, hidden ones not; sorted. */
export async function subdirectories(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(directory)) {
    if (name.startsWith(".")) continue;
    if (isDirectory || isSymlink && await isDirectoryAt(join(directory, name))) names.push(name);
  }
  return names.sort();
}

async function isDirectoryAt(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    // A link to nothing.
    return false;
  }
}
