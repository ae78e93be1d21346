import { existsSync } from "node:fs";
import { CACHE } from "../support/paths.ts";
import { lastLines, run } from "../support/process.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";
import { testPython } from "./venv.ts";

/** How to start Triton's load generator. */
export interface PerfAnalyzer {
  readonly program: string;
  readonly env: Record<string, string>;
}

// The last client wheel whose binary runs on Debian 12's glibc; newer ones ship none.
const WHEEL = "tritonclient==2.51.0";
const CUDA = "nvidia-cuda-runtime-cu12==12.9.79";

/**
 * The real perf_analyzer: taken from an old wheel of Triton's client, with the two libraries it is linked against.
 * Nothing is installed outside `.cache/`.
 *
 * @throws Missing where a part of it cannot be fetched or the binary does not run here.
 */
export async function perfAnalyzer(): Promise<PerfAnalyzer> {
  const folder = `${CACHE}/perf_analyzer`;
  const found: PerfAnalyzer = {
    program: `${folder}/bin/perf_analyzer`,
    env: { LD_LIBRARY_PATH: `${folder}/nvidia/cuda_runtime/lib:${folder}/lib` },
  };
  if (existsSync(`${folder}/complete`)) return found;
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new Missing("perf_analyzer is published for Linux on x86-64 only");
  }
  const python = await testPython();
  return await withLock("perf_analyzer", async () => {
    if (existsSync(`${folder}/complete`)) return found;
    if (existsSync(folder)) await Deno.remove(folder, { recursive: true });
    const pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--no-deps", "--target", folder];
    const outcome = await run([...pip, WHEEL, CUDA]);
    if (outcome.code !== 0) throw new Missing(`pip could not fetch perf_analyzer: ${lastLines(outcome.stderr, 1)}`);
    await library(folder);
    await Deno.chmod(found.program, 0o755);
    const help = await run([found.program, "--version"], { env: found.env, timeout: 60_000 });
    if (/error while loading|not found/.test(help.stderr)) {
      throw new Missing(`perf_analyzer does not run here: ${lastLines(help.stderr, 1)}`);
    }
    await Deno.writeTextFile(`${folder}/complete`, "");
    return found;
  });
}

/** libb64.so.0d: the system's, else unpacked from Debian's package into `folder`/lib, which needs no root. */
async function library(folder: string): Promise<void> {
  if ((await run(["sh", "-c", "ldconfig -p | grep -q libb64.so.0d"])).code === 0) return;
  const unpack = `set -e; cd "${folder}"; mkdir -p lib unpacked
    apt-get download libb64-0d || { apt-get update && apt-get download libb64-0d; }
    dpkg-deb -x libb64-0d_*.deb unpacked; cp -L unpacked/usr/lib/*/libb64.so.0d lib/`;
  const outcome = await run(["sh", "-c", unpack]);
  if (outcome.code !== 0) {
    throw new Missing("perf_analyzer needs libb64; on Debian: sudo apt-get install libb64-0d");
  }
}
