/**
 * `deno task test`: every check and every test, in order. The last line counts them; the exit code is 0 when none failed.
 *
 * Words after the command choose sections by name: `deno task test unit`.
 */
import { runChecks } from "./check.ts";
import { type Available, available } from "./setup/missing.ts";
import { perfAnalyzer } from "./setup/perf_analyzer.ts";
import { redisVersion } from "./setup/redis.ts";
import { testPython } from "./setup/venv.ts";
import { webgpuAdapter } from "./setup/vulkan.ts";
import { CACHE, ROOT, SHARED, SHARED_ABSENT } from "./support/paths.ts";
import { run } from "./support/process.ts";
import { add, noTotals, readJunit, type Totals, totalsLine } from "./support/report.ts";

/** Runs `deno test` over `paths` and counts from its report. */
async function denoTest(what: string, args: readonly string[], jobs: number): Promise<Totals> {
  await Deno.mkdir(CACHE, { recursive: true });
  const report = await Deno.makeTempFile({ dir: CACHE, prefix: "junit-", suffix: ".xml" });
  try {
    const parallel = jobs > 1 ? ["--parallel"] : [];
    // Types are the checks' concern.
    const flags = ["-A", "--unstable-net", "--no-check", ...parallel];
    const command = [Deno.execPath(), "test", ...flags, `--junit-path=${report}`, ...args];
    const env = { DENO_JOBS: String(jobs), NO_COLOR: "1" };
    const outcome = await run(command, { cwd: ROOT, env, timeout: 1_200_000, echo: true });
    return readJunit(await Deno.readTextFile(report), outcome.code, what);
  } finally {
    await Deno.remove(report);
  }
}

/** Folders of tests/ whose tests need a running server; the rest of tests/ is the tests' own machinery. */
function serverTests(): string[] {
  const machinery = new Set(["check", "setup", "support"]);
  return [...Deno.readDirSync(`${ROOT}/tests`)].filter((entry) => entry.isDirectory && !machinery.has(entry.name))
    .map((entry) => `tests/${entry.name}`).sort();
}

function cores(): number {
  return Math.max(1, Number(Deno.env.get("DENO_JOBS")) || navigator.hardwareConcurrency);
}

async function setUp(): Promise<Totals> {
  const parts: [string, Promise<Available<string>>][] = [
    ["Python with Triton's clients", available(testPython())],
    ["WebGPU adapter", available(webgpuAdapter().then(({ name, software }) => software ? `${name} (software)` : name))],
    ["perf_analyzer", available(perfAnalyzer().then((found) => found.program))],
    ["Redis", available(redisVersion())],
    ["reference data", Promise.resolve(SHARED ? { value: SHARED } : { missing: SHARED_ABSENT })],
  ];
  for (const [name, part] of parts) {
    const { value, missing } = await part;
    console.log(missing === undefined ? `${name}: ${value}` : `${name}: MISSING: ${missing}`);
  }
  return noTotals();
}

const SECTIONS: readonly { name: string; title: string; run: () => Promise<Totals> }[] = [
  { name: "check", title: "Checks: format, lint, types, import direction, generated code", run: runChecks },
  { name: "setup", title: "Set-up: what the tests need beyond Deno (kept in .cache/)", run: setUp },
  {
    name: "unit",
    title: "Unit tests",
    run: () => denoTest("unit tests", [`--ignore=${serverTests().join(",")}`, "."], cores()),
  },
  {
    name: "integration",
    title: "Integration and conformance tests against running servers",
    // Servers and their clients share the cores, so at most two files at a time.
    run: () => denoTest("integration tests", serverTests(), Math.min(2, cores())),
  },
];

const chosen = Deno.args.length > 0 ? SECTIONS.filter((section) => Deno.args.includes(section.name)) : SECTIONS;
if (Deno.args.length > 0 && chosen.length !== new Set(Deno.args).size) {
  console.error(`unknown section; there are ${SECTIONS.map((section) => section.name).join(", ")}`);
  Deno.exit(2);
}

const totals = noTotals();
for (const section of chosen) {
  console.log(`\n===== ${section.title} =====\n`);
  const started = performance.now();
  const result = await section.run();
  add(totals, result);
  console.log(`\n${section.name}: ${totalsLine(result)} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
}

if (totals.skipped.length > 0) {
  console.log("\n===== Skipped =====\n");
  const byReason = Map.groupBy(totals.skipped, (skipped) => skipped.reason);
  for (const [reason, tests] of byReason) {
    console.log(`${reason}\n${tests.map((test) => `    ${test.name}`).join("\n")}`);
  }
}
if (totals.failed.length > 0) {
  console.log(`\n===== Failed =====\n\n${totals.failed.map((name) => `    ${name}`).join("\n")}`);
}
console.log(`\n${totalsLine(totals)}`);
Deno.exit(totals.failed.length > 0 ? 1 : 0);
