import { join } from "node:path";
import { pathToFileURL } from "node:url";
import process from "node:process";
import type { OrtRuntime } from "./options.ts";

/**
 * The files that the runtimes read when they start, beside their JavaScript:
 *
 * | runtime | files | package |
 * | --- | --- | --- |
 * | webgpu | `ort-wasm-simd-threaded.jspi.wasm` | onnxruntime-web, `dist/` |
 * | wasm | `ort-wasm-simd-threaded.wasm`, and `ort-wasm-simd-threaded.mjs`, which is also the module of its threads | onnxruntime-web, `dist/` |
 * | native | `onnxruntime_binding.node` and the shared library it is linked to, found beside it | onnxruntime-node, `bin/napi-v6/<platform>/<arch>/` |
 *
 * - In a checkout, and in a compiled binary that embeds the npm packages, they are where the packages are:
 *   `import.meta.resolve` and the packages' own `require` find them.
 * - A program without the packages (bundled, or a binary with the files beside it) names a flat directory that holds
 *   them by {@link setAssetDirectory} before a model loads. Workers get it in `OrtLoadOptions.assetDirectory`. The
 *   `.mjs` goes there as {@link outsidePackage} makes it; the others as they are. A bundler is told to leave `*.node`
 *   alone.
 */
export const RUNTIME_FILES: Readonly<Record<OrtRuntime, readonly string[]>> = {
  webgpu: ["ort-wasm-simd-threaded.jspi.wasm"],
  wasm: ["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs"],
  native: nativeFiles(),
};

/** The native binding and what it is linked to, on a platform as Node names it. */
export function nativeFiles(platform: string = process.platform): string[] {
  switch (platform) {
    case "win32":
      return ["onnxruntime_binding.node", "onnxruntime.dll", "DirectML.dll"];
    case "darwin":
      return ["onnxruntime_binding.node", "libonnxruntime.1.30.0.dylib"];
    default:
      return ["onnxruntime_binding.node", "libonnxruntime.so.1"];
  }
}

/** Where the native files lie inside the npm package, relative to its root. */
export function nativePackageDirectory(platform: string = process.platform, arch: string = process.arch): string {
  return `bin/napi-v6/${platform}/${arch}`;
}

let directory: string | undefined;

/** Names the flat directory that holds {@link RUNTIME_FILES}; undefined means the npm packages. */
export function setAssetDirectory(path: string | undefined): void {
  directory = path;
}

export function assetDirectory(): string | undefined {
  return directory;
}

/**
 * Where a file of onnxruntime-web is.
 *
 * @param file one of {@link RUNTIME_FILES}; the package exports each by its name. The package has been imported before:
 * only then is it resolved to a file.
 */
export function webAsset(file: string): URL {
  if (directory !== undefined) return pathToFileURL(join(directory, file));
  return new URL(import.meta.resolve(`onnxruntime-web/${file}`));
}

/**
 * The text of a module of an npm package, for a place outside of one: there Deno knows Node's own modules only by names
 * that start with `node:`.
 */
export function outsidePackage(source: string): string {
  return source.replace(/\b(import|require)\("(module|worker_threads)"\)/g, '$1("node:$2")');
}
