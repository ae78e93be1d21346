import { existsSync } from "node:fs";
import { CACHE, ROOT } from "../support/paths.ts";
import { lastLines, run } from "../support/process.ts";
import { canInstallPackages, installPackages } from "./apt.ts";
import { withLock } from "./lock.ts";
import { Missing } from "./missing.ts";

/**
 * The Python of a virtual environment under `.cache/` with exactly the packages of a requirements file. Made at the
 * first call and again when the file has changed.
 *
 * @param requirements path of the file in the checkout.
 * @returns path of its `python`.
 * @throws Missing without Python 3 or when a package cannot be fetched.
 */
export async function venv(name: string, requirements: string): Promise<string> {
  const folder = `${CACHE}/${name}`;
  const python = `${folder}/bin/python`;
  const stamp = `${folder}/requirements.txt`;
  const wanted = await Deno.readTextFile(`${ROOT}/${requirements}`);
  const upToDate = () => existsSync(stamp) && Deno.readTextFileSync(stamp) === wanted;
  if (upToDate()) return python;
  return await withLock(name, async () => {
    if (upToDate()) return python;
    await make(folder);
    const pip = await run([
      python,
      "-m",
      "pip",
      "install",
      "--disable-pip-version-check",
      "-q",
      "-r",
      `${ROOT}/${requirements}`,
    ]);
    if (pip.code !== 0) {
      throw new Missing(`pip could not install what ${requirements} names: ${lastLines(pip.stderr, 2)}`);
    }
    await Deno.writeTextFile(stamp, wanted);
    return python;
  });
}

async function make(folder: string): Promise<void> {
  if (existsSync(folder)) await Deno.remove(folder, { recursive: true });
  const command = ["python3", "-m", "venv", folder];
  const first = await run(command);
  if (first.code === 0) return;
  if (first.code === 127) throw new Missing("needs Python 3.11 or newer (python3 is not on the PATH)");
  // Debian splits venv off from Python.
  if (await canInstallPackages()) {
    await installPackages(["python3-venv"]);
    if ((await run(command)).code === 0) return;
  }
  throw new Missing("python3 -m venv fails; on Debian: sudo apt-get install python3-venv");
}

/** The Python with the unmodified Triton clients that conformance tests run. @throws Missing */
export function testPython(): Promise<string> {
  return venv("venv", "tests/setup/requirements.txt");
}
