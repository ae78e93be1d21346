/** `deno task check`: everything that can be said about the code without running it. */
import { modulesOfCheckout, wrongImports } from "./check/imports.ts";
import { generatedCodeDiffers } from "./check/generated.ts";
import { run } from "./support/process.ts";
import { ROOT } from "./support/paths.ts";
import { add, noTotals, type Totals, totalsLine } from "./support/report.ts";

interface Check {
  readonly name: string;
  /** How to put it right. */
  readonly remedy: string;
  /** What is wrong; empty when all is well. */
  readonly run: () => Promise<string>;
}

async function deno(...args: string[]): Promise<string> {
  const outcome = await run([Deno.execPath(), ...args], { cwd: ROOT, env: { NO_COLOR: "1" } });
  return outcome.code === 0 ? "" : (outcome.stderr + outcome.stdout).trim() || `code ${outcome.code}`;
}

const CHECKS: readonly Check[] = [
  { name: "format", remedy: "deno fmt", run: () => deno("fmt", "--check") },
  { name: "lint", remedy: "deno lint names the rule and the line", run: () => deno("lint") },
  { name: "types", remedy: "deno check . names the line", run: () => deno("check", ".") },
  {
    name: "import direction",
    remedy: "move the code to the room that may import it (docs/contributing.md)",
    run: async () => wrongImports(await modulesOfCheckout()).join("\n"),
  },
  { name: "generated code", remedy: "deno task proto, and commit proto/gen", run: generatedCodeDiffers },
];

/** Runs every check and prints what is wrong. */
export async function runChecks(): Promise<Totals> {
  const totals = noTotals();
  for (const check of CHECKS) {
    const wrong = await check.run().catch((error: unknown) => error instanceof Error ? error.message : String(error));
    console.log(`${wrong ? "FAILED" : "ok"}  ${check.name}`);
    if (wrong) {
      console.log(`${wrong.replace(/^/gm, "    ")}\n    To put it right: ${check.remedy}`);
      totals.failed.push(`check: ${check.name}`);
    } else totals.passed++;
  }
  return totals;
}

if (import.meta.main) {
  const totals = noTotals();
  add(totals, await runChecks());
  console.log(totalsLine(totals));
  Deno.exit(totals.failed.length > 0 ? 1 : 0);
}
