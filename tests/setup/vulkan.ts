import { run } from "../support/process.ts";
import { installPackages } from "./apt.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";

/** A WebGPU adapter of this machine. */
export interface Adapter {
  readonly name: string;
  /** The CPU pretends to be a GPU: right, and very slow. */
  readonly software: boolean;
}

const PROBE = `
const info = (await navigator.gpu?.requestAdapter())?.info;
if (info) console.log(JSON.stringify({
  name: info.description || info.device || "an adapter",
  software: info.isFallbackAdapter,
}));
`;

async function probe(): Promise<Adapter | undefined> {
  const outcome = await run([Deno.execPath(), "eval", PROBE], { timeout: 60_000, env: gpuEnvironment() });
  return outcome.code === 0 && outcome.stdout.trim() ? JSON.parse(outcome.stdout) : undefined;
}

/** What a process needs in its environment so that Mesa's software driver does not complain. */
export function gpuEnvironment(): Record<string, string> {
  return { XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? Deno.env.get("TMPDIR") ?? "/tmp" };
}

/**
 * A WebGPU adapter: this machine's GPU, or Mesa's software driver, which is installed where it may be.
 *
 * @throws Missing where there is no adapter and none can be installed.
 */
export async function webgpuAdapter(): Promise<Adapter> {
  const present = await probe();
  if (present !== undefined) return present;
  return await withLock("vulkan", async () => {
    await installPackages(["libvulkan1", "mesa-vulkan-drivers"]);
    const installed = await probe();
    if (installed === undefined) throw new Missing("no WebGPU adapter, not even with mesa-vulkan-drivers installed");
    return installed;
  });
}
