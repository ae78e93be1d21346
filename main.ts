/** The program: `deno run -A main.ts --model-repository=./models`. */
import { join } from "node:path";
import { setAssetDirectory } from "./backends/onnxruntime/runtime/assets.ts";
import { run } from "./server/main.ts";

if (import.meta.main) {
  // bundled (deploy/bundle.ts), it has the runtimes' files beside it; in a checkout they are in the npm packages
  if (!import.meta.url.endsWith(".ts")) setAssetDirectory(join(import.meta.dirname!, "assets"));
  Deno.exit(await run(Deno.args));
}
