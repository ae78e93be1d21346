import { run } from "../support/process.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";

/** True where Debian packages can be installed without asking anyone. */
export async function canInstallPackages(): Promise<boolean> {
  return Deno.build.os === "linux" && Deno.uid() === 0 && (await run(["apt-get", "--version"])).code === 0;
}

/** Installs Debian packages. @throws Missing where this is not Debian, not root, or apt fails. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  const byHand = `install them by hand: sudo apt-get install ${packages.join(" ")}`;
  if (!await canInstallPackages()) throw new Missing(`needs the Debian packages ${packages.join(", ")}; ${byHand}`);
  await withLock("apt", async () => {
    const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    if ((await run(install, { env })).code === 0) return;
    await run(["apt-get", "update"], { env });
    const outcome = await run(install, { env });
    if (outcome.code !== 0) throw new Missing(`apt-get could not install ${packages.join(", ")}; ${byHand}`);
  });
}
