import { basename, delimiter, dirname } from "node:path";
import { mustRun } from "../support/process.ts";
import { ROOT } from "../support/paths.ts";

async function files(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isFile) found.set(entry.name, await Deno.readTextFile(`${folder}/${entry.name}`));
  }
  return found;
}

/**
 * Generates `proto/gen` anew in a copy, by the task that developers use.
 *
 * @returns which files differ from the committed ones, a line each; "" when none does.
 */
export async function generatedCodeDiffers(): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "triton-ts-proto-" });
  try {
    await Deno.mkdir(`${copy}/proto`);
    for (const name of ["deno.json", "deno.lock"]) await Deno.copyFile(`${ROOT}/${name}`, `${copy}/${name}`);
    for await (const entry of Deno.readDir(`${ROOT}/proto`)) {
      if (entry.isFile) await Deno.copyFile(`${ROOT}/proto/${entry.name}`, `${copy}/proto/${entry.name}`);
    }
    // buf starts its plugin as `deno`, which need not be on the PATH of who runs the tests.
    const program = Deno.execPath();
    const path = Deno.env.get("PATH") ?? "";
    const env = { PATH: /^deno(\.exe)?$/.test(basename(program)) ? `${dirname(program)}${delimiter}${path}` : path };
    await mustRun([program, "task", "proto"], { cwd: copy, env, timeout: 120_000 });
    const [committed, generated] = [await files(`${ROOT}/proto/gen`), await files(`${copy}/proto/gen`)];
    const names = new Set([...committed.keys(), ...generated.keys()]);
    return [...names].filter((name) => committed.get(name) !== generated.get(name))
      .map((name) => `proto/gen/${name} is not what proto/*.proto generates`).join("\n");
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}
