import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { Status } from "../../core/status.ts";
import { needing } from "../../tests/support/needing.ts";
import { shared, SHARED_ABSENT } from "../../tests/support/paths.ts";
import * as configs from "./mod.ts";

const records = shared("reference/records");
const RECORDS = records && pathToFileURL(`${records}/`);
const title = "the real Triton's answers: same configurations accepted, same texts, same JSON";

interface RecordedModel {
  config: string;
  behaviour: string | null;
  versions: string[];
}

/** Failures that no configuration shows by itself: files, versions, other models, what happens when it runs. */
const NOT_STATIC = new RegExp(
  "failed to open text file|at least one version|warmup s|but got 0 inputs|cannot initialise|not available or ambiguous|" +
    "in ensemble e_|allows maximum batch size|circular dependency|no version is available|is not loaded",
);

/** The error as the record spells it, or the completed configuration. */
function load(name: string, model: RecordedModel): string | Status {
  try {
    const config = configs.readConfig(`${name}/config.pbtxt`, model.config);
    configs.completeBackend(config, name, model.behaviour ? ["model.py"] : []);
    configs.normaliseConfig(config);
    configs.validateAtPoll(config, name);
    configs.normaliseInstanceGroups(config, { gpuAvailable: false });
    configs.validateAtLoad(config);
    return configs.configToJson(config);
  } catch (error) {
    assert.ok(error instanceof Status, `${name}: ${error}`);
    return error;
  }
}

Deno.test({
  ...needing(title, RECORDS ? undefined : SHARED_ABSENT),
  fn() {
    const { setups } = JSON.parse(Deno.readTextFileSync(new URL("models.json", RECORDS)));
    const compared = { accepted: 0, refused: 0, shown: 0 };
    for (const file of ["load_configs.jsonl", "load_ensembles.jsonl"]) {
      for (const line of Deno.readTextFileSync(new URL(file, RECORDS)).trim().split("\n")) {
        const { name: title, request, response, setup, log_reason, version_note } = JSON.parse(line);
        const [, name, verb] = request.path.match(/models\/(\w+)\/(load|config)$/) ?? [];
        // A newer Triton knows fields that the recorded one did not.
        if (!name || version_note) continue;
        const result = load(name, setups[setup].models[name]);
        if (verb === "config") {
          assert.ok(typeof result === "string", title);
          const shown = JSON.parse(result);
          delete shown.ensemble_scheduling?.max_inflight_requests;
          assert.deepEqual(shown, JSON.parse(response.body), title);
          compared.shown++;
        } else if (response.status === 200) {
          assert.ok(typeof result === "string", `${title}: ${result}`);
          compared.accepted++;
        } else {
          const text: string = log_reason ??
            JSON.parse(response.body).error.replace(/^.*Invalid argument: (.*);\n$/s, "$1");
          if (NOT_STATIC.test(text)) continue;
          assert.ok(result instanceof Status, `${title} should fail with ${text}`);
          const expected = text.startsWith("failed to read text proto")
            ? `${name}/config.pbtxt:`
            : text.replace(/, searched.*/, "");
          assert.equal(result.message.slice(0, expected.length), expected, title);
          compared.refused++;
        }
      }
    }
    assert.ok(compared.accepted > 20 && compared.refused > 40 && compared.shown > 20, JSON.stringify(compared));
  },
});
