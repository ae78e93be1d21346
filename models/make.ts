/** `deno task models`: makes the example models anew, each by the make.py in its folder, with common.py. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { venv } from "../tests/setup/venv.ts";
import { run } from "../tests/support/process.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
const LARGEST = 1_000_000;

async function digest(path: string): Promise<string> {
  if (!existsSync(path)) return "";
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(hash).toHex();
}

const python = await venv("models-venv", "models/requirements.txt");
let failed = 0;
for (const { name, isDirectory } of [...Deno.readDirSync(FOLDER)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  const script = `${FOLDER}/${name}/make.py`;
  if (!isDirectory || !existsSync(script)) continue;
  const file = `${FOLDER}/${name}/1/model.onnx`;
  const before = await digest(file);
  const outcome = await run([python, "-B", "-m", `${name}.make`], { cwd: FOLDER, echo: true });
  const after = await digest(file);
  const size = existsSync(file) ? Deno.statSync(file).size : 0;
  if (outcome.code !== 0 || size === 0 || size > LARGEST) {
    failed++;
    console.log(`${name}: FAILED (code ${outcome.code}, ${size} bytes of at most ${LARGEST})`);
  } else {
    console.log(`${name}: 1/model.onnx, ${size} bytes, ${before === after ? "the same as before" : "changed"}`);
  }
}
Deno.exit(failed > 0 ? 1 : 0);
