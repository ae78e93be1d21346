import { run } from "../support/process.ts";
import { installPackages } from "./apt.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";

const PROGRAM = "redis-server";

async function version(): Promise<string | undefined> {
  const outcome = await run([PROGRAM, "--version"]);
  return outcome.code === 0 ? outcome.stdout.match(/v=(\S+)/)?.[1] ?? "" : undefined;
}

/**
 * The version of the machine's `redis-server`, installed from Debian where it may be.
 *
 * @throws Missing where there is none and none can be installed.
 */
export async function redisVersion(): Promise<string> {
  const present = await version();
  if (present !== undefined) return present;
  return await withLock("redis", async () => {
    await installPackages(["redis-server"]);
    const installed = await version();
    if (installed === undefined) throw new Missing("redis-server does not run, although it is installed");
    return installed;
  });
}
