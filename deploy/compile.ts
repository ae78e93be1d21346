/** `deno task compile [--target=…] [--output=…]`: makes `dist/triton-ts`, one file that needs nothing beside it. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Bundle, makeBundle } from "./bundle.ts";
import { programExtension, type Target, targetOf, TARGETS } from "./target.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const HELP = `Usage: deno task compile [--target=TARGET] [--output=PATH]

  --target  what the binary is for, default ${Deno.build.target}; one of
            ${TARGETS.map((target) => target.triple).join("\n            ")}
  --output  default dist/triton-ts; dist/triton-ts-TARGET for another machine's

DENORT_BIN names the runtime of the binary where it cannot be downloaded.`;

/** What `deno compile` says when it has no runtime to put the program into. */
const NO_RUNTIME = /Setting up base binary|Could not find denort/;

export interface Compiled {
  readonly bundle: Bundle;
  readonly output: string;
  /** Bytes of the binary. */
  readonly size: number;
}

/**
 * Makes the bundle, and a binary that embeds it and nothing else.
 *
 * @param folder where the bundle is made.
 * @param denort the runtime to put the program into; undefined lets Deno download it.
 * @throws Error with a sentence for people, or with what Deno said.
 */
export async function compile(
  target: Target,
  folder: string,
  output: string,
  denort: string | undefined = Deno.env.get("DENORT_BIN"),
): Promise<Compiled> {
  const bundle = await makeBundle(target, folder);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--allow-all",
      "--unstable-net",
      "--unstable-no-legacy-abort",
      // nothing from outside of the bundle
      "--no-config",
      "--no-lock",
      "--no-npm",
      "--no-remote",
      "--no-check",
      // the native library lies beside the add-on that is linked to it: they have to be real files
      "--self-extracting",
      `--target=${target.triple}`,
      "--app-name=triton-ts",
      "--include=assets",
      ...bundle.workers.map((worker) => `--include=${worker}`),
      `--output=${output}`,
      "main.js",
    ],
    cwd: folder,
    env: { NO_COLOR: "1", RUST_BACKTRACE: "0", ...(denort !== undefined && { DENORT_BIN: denort }) },
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (!success) {
    throw new Error(NO_RUNTIME.test(said) ? noRuntime(target, said, denort) : `deno compile failed:\n${said}`);
  }
  return { bundle, output, size: (await Deno.stat(output)).size };
}

function noRuntime(target: Target, said: string, named: string | undefined): string {
  if (named !== undefined) return `DENORT_BIN=${named} is not there: it has to name a denort ${Deno.version.deno}`;
  const cause = said.split("\n").filter((line) => /^ +\d+: /.test(line)).at(-1)?.replace(/^ +\d+: /, "");
  return `the runtime for the binary, denort ${Deno.version.deno} for ${target.triple}, could not be downloaded from ` +
    `dl.deno.land${
      cause ? ` (${cause})` : ""
    }: connect to it, or name a denort that you have in DENORT_BIN. The bundle ` +
    `is made, and runs with Deno (docs/deployment.md)`;
}

/** Sizes as people read them: decimal megabytes. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function main(args: string[]): Promise<number> {
  let options: { target?: string; output?: string; help?: boolean };
  try {
    options = parseArgs({
      args,
      options: { target: { type: "string" }, output: { type: "string" }, help: { type: "boolean" } },
    }).values;
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    const target = targetOf(options.target ?? Deno.build.target);
    const suffix = options.target === undefined ? "" : `-${target.triple}`;
    const output = resolve(options.output ?? join(ROOT, `dist/triton-ts${suffix}${programExtension(target)}`));
    const { bundle, size } = await compile(target, join(ROOT, `dist/bundle${suffix}`), output);
    for (const [file, bytes] of bundle.files) console.log(`${megabytes(bytes).padStart(10)}  ${file}`);
    const embedded = [...bundle.files.values()].reduce((sum, bytes) => sum + bytes, 0);
    console.log(`${megabytes(embedded).padStart(10)}  embedded`);
    if (!bundle.native) {
      console.log(`onnxruntime-node has no library for ${target.triple}: models run in WebAssembly or on WebGPU there`);
    }
    console.log(`${output}: ${megabytes(size)}`);
    return 0;
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
