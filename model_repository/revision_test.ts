import assert from "node:assert/strict";
import { join } from "node:path";
import { revisionsOf } from "./revision.ts";
import { withFiles, writeFiles } from "./testing/repository_fixture.ts";

Deno.test("revisionsOf() changes for the version whose file changed, and for all when a shared file changed", async () => {
  const files = {
    "config.pbtxt": "a",
    "1/model.onnx": "one",
    "2/model.onnx": "two",
    "2/weights/w.bin": "w",
    "7/x": "",
  };
  await withFiles(files, async (root) => {
    const before = await revisionsOf(root, [1, 2]);
    assert.deepEqual([...before.keys()], [1, 2]);
    assert.deepEqual(await revisionsOf(root, [1, 2]), before);

    await writeFiles(root, { "7/x": "a version that nobody asked about" });
    assert.deepEqual(await revisionsOf(root, [1, 2]), before);

    await writeFiles(root, { "2/weights/w.bin": "longer" });
    const deep = await revisionsOf(root, [1, 2]);
    assert.equal(deep.get(1), before.get(1));
    assert.notEqual(deep.get(2), before.get(2));

    await Deno.utime(join(root, "config.pbtxt"), new Date(), new Date(Date.now() + 5000));
    const shared = await revisionsOf(root, [1, 2]);
    assert.notEqual(shared.get(1), deep.get(1));
    assert.notEqual(shared.get(2), deep.get(2));
  });
});

Deno.test("revisionsOf() passes over a link to nothing", async () => {
  await withFiles({ "1/model.onnx": "one" }, async (root) => {
    const before = await revisionsOf(root, [1]);
    await Deno.symlink(join(root, "nowhere"), join(root, "1", "link"));
    assert.deepEqual(await revisionsOf(root, [1]), before);
  });
});
