import assert from "node:assert/strict";
import { contentsOf } from "./contents.ts";
import { type Files, withFiles } from "./testing/repository_fixture.ts";

const MODEL: Files = {
  "config.pbtxt": "c",
  "1/model.onnx": "weights",
  "1/data/part": "more",
  "2/model.onnx": "others",
};

/** The contents of version 1 of a model with these files. */
async function contents(files: Files, prepare: (root: string) => Promise<void> = () => Promise.resolve()) {
  let found = "";
  await withFiles(files, async (root) => {
    await prepare(root);
    found = await contentsOf(root, 1);
  });
  return found;
}

Deno.test("contentsOf() is the same for copies of a model, whenever they were written and whatever is beside it", async () => {
  const one = await contents(MODEL);
  assert.equal(one, await contents(MODEL, (root) => Deno.utime(`${root}/1/model.onnx`, 1, 1)));
  assert.equal(one, await contents({ ...MODEL, "2/model.onnx": "another version", ".git/x": "", "1/.hidden": "" }));
});

Deno.test("contentsOf() differs where a file does, in its name or its bytes, though size and time are the same", async () => {
  const old = (root: string) => Deno.utime(`${root}/1/model.onnx`, 1, 1);
  const all = await Promise.all([
    contents(MODEL, old),
    contents({ ...MODEL, "1/model.onnx": "WEIGHTS" }, old),
    contents({ ...MODEL, "config.pbtxt": "d" }, old),
    contents({ "config.pbtxt": "c", "1/model.onnx": "weights", "1/data/trap": "more" }, old),
    contents({ "config.pbtxt": "c", "1/model.onnx": "weights", "1/part": "more" }, old),
    contents({ "config.pbtxt": "c", "1/model.onnx": "weights" }, old),
  ]);
  assert.equal(new Set(all).size, all.length);
});

Deno.test("contentsOf() follows links, and ends where they lead in a circle or to nothing", async () => {
  const linked = await contents({ ...MODEL, ".data/model.onnx": "weights" }, async (root) => {
    await Deno.remove(`${root}/1/model.onnx`);
    await Deno.symlink("../.data/model.onnx", `${root}/1/model.onnx`);
    await Deno.symlink("..", `${root}/1/data/up`);
    await Deno.symlink("nowhere", `${root}/1/data/nothing`);
  });
  assert.equal(linked, await contents(MODEL));
});

Deno.test("contentsOf() is known for a version without a directory", async () => {
  assert.equal(await contents({ "config.pbtxt": "c" }), await contents({ "config.pbtxt": "c", "1/": "" }));
});
