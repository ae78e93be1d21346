import { CACHE, ROOT } from "./paths.ts";
import { run } from "./process.ts";
import { needing } from "./needing.ts";
import { type JunitCase, junitCases } from "./junit.ts";

/**
 * Runs Python test files with pytest; each of their tests becomes a step of `t`.
 *
 * @param python the interpreter of the tests' virtual environment.
 * @param path file or folder in the checkout.
 */
export async function pytestSteps(
  t: Deno.TestContext,
  python: string,
  path: string,
  env: Record<string, string>,
): Promise<void> {
  const report = await Deno.makeTempFile({ dir: CACHE, prefix: "pytest-", suffix: ".xml" });
  let cases: JunitCase[];
  let outcome;
  try {
    const command = [python, "-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-o", "addopts="];
    outcome = await run([...command, "-o", "junit_family=xunit2", `--junitxml=${report}`, path], { cwd: ROOT, env });
    cases = junitCases(await Deno.readTextFile(report));
  } finally {
    await Deno.remove(report);
  }
  for (const { name, group, failure, skipped } of cases) {
    const title = `${group.split(".").at(-1)} ${name}`;
    await t.step({
      ...needing(title, skipped),
      fn() {
        if (failure !== undefined) throw new Error(failure);
      },
    });
  }
  // 0: all passed, 1: some failed, and those have their steps. Everything else means that tests are missing.
  if (outcome.code > 1 || cases.length === 0) {
    throw new Error(`pytest ended with code ${outcome.code}:\n${outcome.tail}`);
  }
}
