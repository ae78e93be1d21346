/**
 * The entry module of a worker, in a checkout and in bundled code alike. Bundled, all code lies in one folder, and each
 * entry at the path of its source beneath it (`deploy/bundle.ts`).
 *
 * @param entry path from the root of the checkout, without its extension: `backends/onnxruntime/worker`.
 */
export function workerModule(entry: string): URL {
  return import.meta.url.endsWith(".ts")
    ? new URL(`../../${entry}.ts`, import.meta.url)
    : new URL(`./${entry}.js`, import.meta.url);
}
