/**
 * The bundle: the program as one folder that needs nothing but Deno, which is also what the binary embeds.
 *
 * | path | content |
 * | --- | --- |
 * | `main.js` | the program, with every npm package that it uses |
 * | `backends/<name>/*worker.js` | the entries of that backend's workers, at the paths of their sources |
 * | other `*.js` | what those share, and what they load when it is needed |
 * | `assets/` | the files that the ONNX runtimes read when they start |
 */
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  nativeFiles,
  nativePackageDirectory,
  outsidePackage,
  RUNTIME_FILES,
  webAsset,
} from "../backends/onnxruntime/runtime/assets.ts";
import type { Target } from "./target.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Loaded from the assets, and from the npm package in a checkout only. */
const LEFT_OUT = "onnxruntime-node/dist/binding.js";

export interface Bundle {
  readonly folder: string;
  /** Every file, as a path from the folder with `/`, sorted, and its size in bytes. */
  readonly files: ReadonlyMap<string, number>;
  /** Entries of workers, as paths from the folder. */
  readonly workers: readonly string[];
  /** False where onnxruntime-node has no library for the target: WebAssembly serves the CPU there. */
  readonly native: boolean;
}

/**
 * Makes the bundle for `target` in `folder`, which is emptied first.
 *
 * @throws Error with what `deno bundle` said, where it failed.
 */
export async function makeBundle(target: Target, folder: string): Promise<Bundle> {
  if (existsSync(folder)) await Deno.remove(folder, { recursive: true });
  const assets = join(folder, "assets");
  await Deno.mkdir(assets, { recursive: true });
  const workers = await bundleCode(folder);
  await copyWebAssets(assets);
  const native = await copyNativeAssets(target, assets);
  return { folder, files: await filesOf(folder), workers, native };
}

/** Sources of the entries of workers: `worker.ts`, `<kind>_worker.ts` in the folder of a backend, by their paths from the root. */
export async function workerEntries(): Promise<string[]> {
  const entries: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, "backends"))) {
    if (!isDirectory || name === "worker") continue;
    for await (const { name: file } of Deno.readDir(join(ROOT, "backends", name))) {
      if (/^(\w+_)?worker\.ts$/.test(file)) entries.push(`backends/${name}/${file}`);
    }
  }
  return entries.sort();
}

async function bundleCode(folder: string): Promise<string[]> {
  const entries = await workerEntries();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    // not minified: the names in a crash report are worth more than the bytes
    args: [
      "bundle",
      "--quiet",
      "--code-splitting",
      `--external=${LEFT_OUT}`,
      `--outdir=${folder}`,
      "main.ts",
      ...entries,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0" },
  }).output();
  if (!success) throw new Error(`deno bundle failed:\n${new TextDecoder().decode(stderr)}`);
  return entries.map((entry) => entry.replace(/\.ts$/, ".js"));
}

async function copyWebAssets(assets: string): Promise<void> {
  await import("onnxruntime-web"); // only then are its files found
  for (const file of new Set([...RUNTIME_FILES.webgpu, ...RUNTIME_FILES.wasm])) {
    const source = webAsset(file);
    if (!file.endsWith(".mjs")) await Deno.copyFile(source, join(assets, file));
    else await Deno.writeTextFile(join(assets, file), outsidePackage(await Deno.readTextFile(source)));
  }
}

/** @returns false where the package has no library for the target. */
async function copyNativeAssets(target: Target, assets: string): Promise<boolean> {
  await import("onnxruntime-node/package.json", { with: { type: "json" } });
  const root = dirname(fileURLToPath(import.meta.resolve("onnxruntime-node/package.json")));
  const source = join(root, nativePackageDirectory(target.platform, target.arch));
  if (!existsSync(source)) return false;
  for (const file of nativeFiles(target.platform)) await Deno.copyFile(join(source, file), join(assets, file));
  return true;
}

/** Every file beneath a folder: paths from it with `/`, sorted, and sizes in bytes. */
export async function filesOf(folder: string): Promise<Map<string, number>> {
  const found: [string, number][] = [];
  const walk = async (directory: string) => {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      const path = join(directory, name);
      if (isDirectory) await walk(path);
      else found.push([relative(folder, path).replaceAll("\\", "/"), (await Deno.stat(path)).size]);
    }
  };
  await walk(folder);
  return new Map(found.sort(([a], [b]) => a < b ? -1 : 1));
}
