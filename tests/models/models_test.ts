/** The committed example models are what their scripts make. */
import assert from "node:assert/strict";
import { available } from "../setup/missing.ts";
import { testPython } from "../setup/venv.ts";
import { needing } from "../support/needing.ts";
import { ROOT } from "../support/paths.ts";
import { mustRun } from "../support/process.ts";

const python = await available(testPython());
const MODELS = `${ROOT}/models`;
const LARGEST = 1_000_000;

/** Runs a model's make.py in a copy of the folder. @returns what it printed, and the model that it made. */
async function make(model: string): Promise<{ output: string; onnx: Uint8Array }> {
  const copy = await Deno.makeTempDir({ prefix: "triton-ts-make-" });
  try {
    await Deno.mkdir(`${copy}/${model}`);
    for (const folder of ["", `${model}/`]) {
      for (const { name } of Deno.readDirSync(`${MODELS}/${folder}`)) {
        if (name.endsWith(".py")) await Deno.copyFile(`${MODELS}/${folder}${name}`, `${copy}/${folder}${name}`);
      }
    }
    const output = await mustRun([python.value!, "-B", "-m", `${model}.make`], { cwd: copy });
    return { output, onnx: await Deno.readFile(`${copy}/${model}/1/model.onnx`) };
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

const SMALL = [
  "simple",
  "simple_dyna_sequence",
  "simple_float",
  "simple_sequence",
  "simple_string",
  "simple_string_dyna_sequence",
];

for (const model of SMALL) {
  Deno.test({
    ...needing(`models/${model}/make.py writes the committed file`, python.missing),
    async fn() {
      assert.deepEqual((await make(model)).onnx, await Deno.readFile(`${MODELS}/${model}/1/model.onnx`));
    },
  });
}

Deno.test({
  ...needing(
    "models/digits/make.py trains a classifier that reads more than 97 % of the held-out images",
    python.missing,
  ),
  async fn() {
    const { output, onnx } = await make("digits");
    const accuracy = Number(output.match(/accuracy ([\d.]+)% on 360 held-out images/)?.[1]);
    assert.ok(accuracy > 97, output);
    // The weights' last bits are the arithmetic library's; their number is not.
    assert.equal(onnx.length, (await Deno.stat(`${MODELS}/digits/1/model.onnx`)).size);
  },
});

Deno.test("the example models stay small", () => {
  for (const model of Deno.readDirSync(MODELS)) {
    if (!model.isDirectory) continue;
    for (const { name } of Deno.readDirSync(`${MODELS}/${model.name}/1`)) {
      assert.ok(Deno.statSync(`${MODELS}/${model.name}/1/${name}`).size < LARGEST, `${model.name}/1/${name}`);
    }
  }
});
