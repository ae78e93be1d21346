import { equal, match, ok } from "node:assert/strict";
import type { IndexEntry } from "../../model_repository/model.ts";
import { Logger } from "../../observability/log.ts";
import { failureLine, reportModels, reportReady } from "./report.ts";

const index: IndexEntry[] = [
  { name: "bad", version: 1, state: "UNAVAILABLE", reason: "Internal: cannot initialise" },
  { name: "text", state: "UNAVAILABLE", reason: "config.pbtxt:3:1: unknown field 'x'" },
  { name: "old", version: 1, state: "UNAVAILABLE", reason: "unloaded" },
  { name: "good", version: 2, state: "READY", device: "CPU (native)", note: "" },
];

function logged(write: (log: Logger) => void): string {
  let text = "";
  write(new Logger((more) => text += more));
  return text;
}

Deno.test("failureLine() names model, version and reason when given an entry", () => {
  equal(failureLine(index[0]), "bad version 1: Internal: cannot initialise");
  equal(failureLine(index[1]), "text: config.pbtxt:3:1: unknown field 'x'");
});

Deno.test("reportModels() shows a row per version with its reason when one failed", () => {
  const text = logged((log) => reportModels(log, index));
  match(text, /\| Model \| Version \| Status +\| Device +\| Reason +\|/);
  match(text, /\| bad +\| 1 +\| UNAVAILABLE \| - +\| Internal: cannot initialise +\|/);
  match(text, /\| good +\| 2 +\| READY +\| CPU \(native\) \| +\|/);
});

Deno.test("reportModels() has no column for reasons when there are none", () => {
  ok(!logged((log) => reportModels(log, index.slice(3))).includes("Reason"));
});

Deno.test("reportReady() names failed models in the last lines when some failed", () => {
  const lines = logged((log) =>
    reportReady(log, [{ service: "HTTP", address: "127.0.0.1:8000" }], index, index.slice(0, 2), 1.5)
  )
    .trim().split("\n");
  match(lines.at(-3)!, /^E.*Not loaded: bad version 1: Internal: cannot initialise/);
  match(lines.at(-1)!, /Ready after 1.50 s: 2 of 4 models loaded/);
});
