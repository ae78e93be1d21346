/** The exchanges recorded from the real Triton, sent to our server: the same answers, record by record. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { CACHE, ROOT, shared, SHARED_ABSENT } from "../support/paths.ts";
import { run } from "../support/process.ts";
import { needing } from "../support/needing.ts";
import { EXCLUDED, FILES, FILES_LEFT_OUT } from "./scope.ts";

interface RecordResult {
  file: string;
  name: string;
  verdict: "pass" | "text" | "fail" | "skip";
  note?: string;
  mismatches?: unknown[];
}

const script = shared("reference/replay.py");
const python = await available(testPython());
const missing = script === undefined ? SHARED_ABSENT : python.missing;

function excluded(result: RecordResult): string | undefined {
  const path = `${result.file}/${result.name}`;
  return EXCLUDED.find(({ records }) => records.test(path))?.reason;
}

for (const file of FILES) {
  const title = `the recorded exchanges of ${file} get Triton's answers`;
  Deno.test({
    ...needing(title, missing),
    async fn(t) {
      const report = await Deno.makeTempFile({ dir: CACHE, prefix: "replay-", suffix: ".json" });
      try {
        const server = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}/main.ts`].map((word) => `'${word}'`);
        const options = [
          "--model-repository={repository}",
          "--http-port={http}",
          "--grpc-port={grpc}",
          "--metrics-port={metrics}",
          "--http-address=127.0.0.1",
          "--grpc-address=127.0.0.1",
          "{options}",
        ];
        const what = ["--target", "native", "--timing", "--only", file];
        const command = [python.value!, "-B", script!, "run", ...what, "--json", report];
        const how = ["--server", [...server, ...options].join(" "), "--cli", [...server, "{options}"].join(" ")];
        const outcome = await run([...command, ...how], { env: { NO_COLOR: "1" } });
        const text = await Deno.readTextFile(report);
        if (!text) throw new Error(`replay.py ended with code ${outcome.code}:\n${outcome.tail}`);
        if (outcome.code > 1) throw new Error(`replay.py ended with code ${outcome.code}:\n${outcome.tail}`);
        for (const result of JSON.parse(text).records as RecordResult[]) {
          const reason = excluded(result) ?? (result.verdict === "skip" ? result.note ?? "skipped" : undefined);
          await t.step({
            ...needing(result.name, reason),
            fn() {
              if (result.verdict === "fail") throw new Error(JSON.stringify(result.mismatches, null, 1));
            },
          });
        }
      } finally {
        await Deno.remove(report);
      }
    },
  });
}

for (const [file, reason] of Object.entries(FILES_LEFT_OUT)) {
  Deno.test({ ...needing(`the recorded exchanges of ${file}`, reason), fn() {} });
}

const complete = "every file of recorded exchanges is replayed or left out for a reason";

Deno.test({
  ...needing(complete, script ? undefined : SHARED_ABSENT),
  fn() {
    const known = [...FILES, ...Object.keys(FILES_LEFT_OUT)].sort();
    const files = [...Deno.readDirSync(shared("reference/records")!)].map((entry) => entry.name)
      .filter((name) => name.endsWith(".jsonl")).map((name) => name.replace(".jsonl", "")).sort();
    assert.deepEqual(known, files);
  },
});
