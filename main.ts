/** The program: `deno run -A main.ts --model-repository=./models`. */
import { run } from "./server/main.ts";

if (import.meta.main) Deno.exit(await run(Deno.args));
