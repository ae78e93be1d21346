import { join } from "node:path";

/** The machine's GPU as WebGPU names it. */
export interface GpuInfo {
  /** `NVIDIA H100 80GB HBM3`. */
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  /** The CPU pretends to be a GPU (lavapipe, SwiftShader): right, and slower than the CPU itself. */
  readonly software: boolean;
}

/** The least that a driver may take; a machine without one answers at once. */
const TIMEOUT_MS = 10_000;

let probed: Promise<GpuInfo | undefined> | undefined;

/**
 * Asks WebGPU for its fastest adapter, hardware or software; undefined where there is none, or none answers in time.
 * Never throws. The first call loads the graphics driver, which blocks this thread for some 50 ms and takes memory: it is
 * made only where a model may use the answer. Later calls return the same.
 */
export function probeGpu(): Promise<GpuInfo | undefined> {
  return probed ??= probe();
}

/**
 * True where a hardware GPU can be used: what an instance group of KIND_AUTO goes by. A software adapter is used only
 * where a model asks for KIND_GPU. Asks WebGPU only where the system shows a GPU's device file.
 */
export async function gpuAvailable(): Promise<boolean> {
  if (!await mayHaveGpu()) return false;
  const info = await probeGpu();
  return info !== undefined && !info.software;
}

async function probe(): Promise<GpuInfo | undefined> {
  setRuntimeDirectory();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(resolve, TIMEOUT_MS, undefined));
  try {
    return await Promise.race([request(), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Kept, so that the driver stays loaded: a worker that ends would unload it, and threads of its own with it. */
let adapter: GPUAdapter | null = null;

async function request(): Promise<GpuInfo | undefined> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" }) ?? null;
  if (!adapter) return undefined;
  const { info } = adapter;
  return {
    description: info.description || info.device || info.vendor || "GPU",
    vendor: info.vendor,
    architecture: info.architecture,
    software: info.isFallbackAdapter,
  };
}

/** Mesa's drivers complain on standard error where this variable is missing, as it is in most containers. */
function setRuntimeDirectory(): void {
  if (Deno.build.os !== "linux" || Deno.env.get("XDG_RUNTIME_DIR")) return;
  Deno.env.set("XDG_RUNTIME_DIR", Deno.env.get("TMPDIR") || "/tmp");
}

/** Files below `/dev` by which Linux shows a GPU: a render node, NVIDIA's own, or that of a WSL machine. */
const DEVICE_FILES = ["dri", "nvidiactl", "nvidia0", "dxg"];

/** False where a look at the file system is enough to know that there is no hardware GPU. */
export async function mayHaveGpu(devices = "/dev"): Promise<boolean> {
  if (Deno.build.os !== "linux") return true;
  for (const name of DEVICE_FILES) {
    try {
      await Deno.lstat(join(devices, name));
      return true;
    } catch {
      // not this one
    }
  }
  return false;
}
