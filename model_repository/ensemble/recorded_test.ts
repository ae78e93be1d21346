import assert from "node:assert/strict";
import { Status } from "../../core/status.ts";
import { shared, SHARED_ABSENT } from "../../tests/support/paths.ts";
import { needing } from "../../tests/support/needing.ts";
import { onRequest } from "../source.ts";
import { repositoryOf, withFiles } from "../testing/repository_fixture.ts";

const records = shared("reference/records/load_ensembles.jsonl");
const models = shared("reference/records/models.json");
const title = "loading and unloading the recorded ensembles gives Triton's answers, in Triton's order";

interface RecordedModel {
  readonly config: string;
  readonly behaviour: string | null;
  readonly versions: readonly number[];
}

/** The recorded models on the identity backend; the one that fails to load in its own code fails by its settings. */
function filesOf(setup: Record<string, RecordedModel>): Record<string, string> {
  const files: Record<string, string> = {};
  for (const [name, { config, behaviour, versions }] of Object.entries(setup)) {
    const parameter = 'parameters { key: "execute_delay_ms" value { string_value: "never" } }';
    files[`${name}/config.pbtxt`] = config.replace('"python"', '"identity"') +
      (behaviour === "loadfail" ? parameter : "");
    for (const version of versions) files[`${name}/${version}/`] = "";
  }
  return files;
}

/** What a failing load of ours says more than Triton, or instead: why the model's own code fails. */
const OWN_REASON = /RuntimeError: cannot initialise.*$/s;

Deno.test({
  ...needing(title, records === undefined ? SHARED_ABSENT : undefined),
  async fn() {
    const setup = JSON.parse(await Deno.readTextFile(models!)).setups.ensemble_configs;
    await withFiles(filesOf(setup.models), async (root) => {
      const { repository } = repositoryOf(root, { source: onRequest([]) });
      await repository.start();
      const compared = { loaded: 0, failed: 0, states: 0 };
      for (const line of (await Deno.readTextFile(records!)).trim().split("\n")) {
        const { name: title, request, response, version_note, log_reason } = JSON.parse(line);
        const [, model, verb] = request.path.match(/models\/(\w+)\/(load|unload)$/) ?? [];
        if (verb === "unload") await repository.unload(model, true);
        else if (verb === "load") {
          const error = await repository.load(model).then(() => undefined, (thrown) => thrown);
          if (response.status === 200 || version_note) {
            assert.equal(error, undefined, `${title}: ${error}`);
            compared.loaded++;
            continue;
          }
          assert.ok(error instanceof Status, title);
          assert.equal(error.code, "INVALID_ARGUMENT", title);
          const text: string = JSON.parse(response.body).error;
          // Where Triton gives no reason, or only in its log, ours is checked elsewhere.
          if (log_reason || text.endsWith("no version is available")) continue;
          const expected = text.trimEnd().replace(OWN_REASON, "").replace(/Internal: $/, "");
          assert.equal(error.message.slice(0, expected.length), expected, title);
          compared.failed++;
        } else if (request.path.endsWith("/index")) {
          const wanted = new Map<string, string | undefined>();
          for (const { name, state } of JSON.parse(response.body)) wanted.set(name, state);
          for (const { name, state, unread } of repository.index()) {
            // Not loaded in Triton's time: a field that it did not know.
            if (!wanted.has(name) || name === "e_max_inflight") continue;
            const expected = wanted.get(name);
            const got = unread || expected === undefined && state === "UNAVAILABLE" ? undefined : state;
            assert.equal(got === "UNLOADING" ? "UNAVAILABLE" : got, expected, `${title}: ${name}`);
            compared.states++;
          }
        }
      }
      assert.ok(compared.loaded >= 4 && compared.failed >= 12 && compared.states > 60, JSON.stringify(compared));
      await repository.close(1000);
    });
  },
});
