/** The configurations in the documentation load. */
import assert from "node:assert/strict";
import { ROOT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";

Deno.test("every configuration in docs/scheduling.md loads", async () => {
  const text = await Deno.readTextFile(`${ROOT}/docs/scheduling.md`);
  const snippets = [...text.matchAll(/```pbtxt\n(name: "(\w+)"\n[^`]*)```/g)];
  assert.equal(snippets.length, text.split("```pbtxt").length - 1);
  const directory = await Deno.makeTempDir({ prefix: "docs-" });
  try {
    for (const [, config, name] of snippets) {
      await Deno.mkdir(`${directory}/${name}/1`, { recursive: true });
      await Deno.writeTextFile(`${directory}/${name}/config.pbtxt`, config);
    }
    const args = ["--rate-limit=execution_count", "--cache-config=local,size=1000000"];
    await using server = await TestServer.start({ repositories: [directory], args });
    for (const [, , name] of snippets) {
      const answer = await fetch(`${server.http}/v2/models/${name}/ready`);
      await answer.body?.cancel();
      assert.equal(answer.status, 200, name);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
