import { run } from "../support/process.ts";
import { installPackages } from "./apt.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";

const PROBE = `
const adapter = await navigator.gpu?.requestAdapter();
console.log(adapter ? JSON.stringify(adapter.info.description || adapter.info.device || "an adapter") : "");
`;

async function probe(): Promise<string | undefined> {
  const outcome = await run([Deno.execPath(), "eval", PROBE], { timeout: 60_000, env: gpuEnvironment() });
  const name = outcome.stdout.trim();
  return outcome.code === 0 && name ? JSON.parse(name) : undefined;
}

/** What a process needs in its environment so that Mesa's software driver does not complain. */
export function gpuEnvironment(): Record<string, string> {
  return { XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? Deno.env.get("TMPDIR") ?? "/tmp" };
}

/**
 * The name of a WebGPU adapter: this machine's GPU, or Mesa's software driver, which is installed where it may be.
 *
 * @throws Missing where there is no adapter and none can be installed.
 */
export async function webgpuAdapter(): Promise<string> {
  const present = await probe();
  if (present !== undefined) return present;
  return await withLock("vulkan", async () => {
    await installPackages(["libvulkan1", "mesa-vulkan-drivers"]);
    const installed = await probe();
    if (installed === undefined) throw new Missing("no WebGPU adapter, not even with mesa-vulkan-drivers installed");
    return installed;
  });
}
