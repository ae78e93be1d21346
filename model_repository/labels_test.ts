import assert from "node:assert/strict";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Status } from "../core/status.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { readLabels } from "./labels.ts";
import { withFiles } from "./testing/repository_fixture.ts";

const config = create(ModelConfigSchema, { output: [{ name: "A", labelFilename: "labels.txt" }, { name: "B" }] });

Deno.test("readLabels() reads one label per line", async () => {
  await withFiles({ "labels.txt": "cat\r\ndog\n\nbird\n" }, async (root) => {
    assert.deepEqual(await readLabels(config, root), new Map([["A", ["cat", "dog", "", "bird"]]]));
  });
});

Deno.test("readLabels() names the file that is missing", async () => {
  await withFiles({}, async (root) => {
    await assert.rejects(readLabels(config, root), (error: Status) => {
      const path = join(root, "labels.txt");
      assert.equal(error.message, `failed to open text file for read ${path}: No such file or directory`);
      assert.equal(error.code, "INTERNAL");
      return true;
    });
  });
});
