import { skippedTitle } from "./report.ts";

/** Said by a test that wants a WebGPU adapter and finds none. */
export const WEBGPU_ABSENT = "needs a GPU, or Debian's libvulkan1 and mesa-vulkan-drivers";

/**
 * Title and `ignore` of a test that cannot run everywhere: `Deno.test({ ...needing("fn() does x", missing), fn })`.
 *
 * @param missing what is not here, a sentence; undefined for what is.
 */
export function needing(title: string, ...missing: (string | undefined)[]): { name: string; ignore: boolean } {
  const reason = missing.find((each) => each !== undefined);
  return { name: reason === undefined ? title : skippedTitle(title, reason), ignore: reason !== undefined };
}
