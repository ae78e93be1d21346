import { junitCases } from "./junit.ts";

/** A test that did not run, and why. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Counts of tests. */
export interface Totals {
  passed: number;
  readonly failed: string[];
  readonly skipped: Skipped[];
}

export function noTotals(): Totals {
  return { passed: 0, failed: [], skipped: [] };
}

export function add(into: Totals, more: Totals): void {
  into.passed += more.passed;
  into.failed.push(...more.failed);
  into.skipped.push(...more.skipped);
}

/** `12 passed, 0 failed`, with `, 3 skipped` where something was skipped. */
export function totalsLine(totals: Totals): string {
  const line = `${totals.passed} passed, ${totals.failed.length} failed`;
  return totals.skipped.length > 0 ? `${line}, ${totals.skipped.length} skipped` : line;
}

const REASON = " [skipped: ";

/** The title of a test that is skipped for a reason; {@link readJunit} finds the reason in it. */
export function skippedTitle(title: string, reason: string): string {
  return `${title}${REASON}${reason}]`;
}

/**
 * The outcome of `deno test --junit-path`. A test with steps counts as its steps, unless it failed outside of them.
 *
 * @param xml undefined where the run ended without writing the file: one failure.
 */
export function readJunit(xml: string | undefined, exitCode: number, what: string): Totals {
  const totals = noTotals();
  const cases = junitCases(xml ?? "");
  /** The file of a test; a step may name another one, where a helper made it. */
  const files = new Map(cases.filter(({ name }) => !name.includes(" > ")).map(({ name, group }) => [name, group]));
  const parents = new Set<string>();
  for (const { name } of cases) {
    for (let at = name.indexOf(" > "); at >= 0; at = name.indexOf(" > ", at + 1)) parents.add(name.slice(0, at));
  }
  for (const { name, group, failure, skipped } of cases) {
    const file = files.get(name.split(" > ")[0]) ?? group;
    const ofSteps = /^\d+ test steps? failed/.test(failure ?? "");
    if (parents.has(name) && (failure === undefined || ofSteps)) continue;
    if (failure !== undefined) totals.failed.push(`${file}: ${name}`);
    else if (skipped !== undefined) {
      const at = name.lastIndexOf(REASON);
      const reason = at >= 0 ? name.slice(at + REASON.length, -1) : "ignored by the test itself";
      totals.skipped.push({ name: `${file}: ${at >= 0 ? name.slice(0, at) : name}`, reason });
    } else totals.passed++;
  }
  if (exitCode !== 0 && totals.failed.length === 0) {
    totals.failed.push(`${what}: deno test ended with code ${exitCode} and named no failed test`);
  }
  return totals;
}
