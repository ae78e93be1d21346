import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onnxModel } from "../graph_fixture.ts";
import { nativePackageDirectory, outsidePackage, RUNTIME_FILES, webAsset } from "./assets.ts";
import type { OrtRuntime } from "./options.ts";
import { hasAdapter, RemoteModel, tensor } from "./testing/remote_model.ts";

/** Where a file lies in the npm packages. */
async function packaged(runtime: OrtRuntime, file: string): Promise<string> {
  if (runtime !== "native") {
    await import("onnxruntime-web");
    return fileURLToPath(webAsset(file));
  }
  await import("onnxruntime-node/dist/binding.js");
  const module = fileURLToPath(import.meta.resolve("onnxruntime-node/dist/binding.js"));
  return join(dirname(dirname(module)), nativePackageDirectory(), file);
}

for (const runtime of ["native", "wasm", "webgpu"] as OrtRuntime[]) {
  Deno.test(`setAssetDirectory() lets ${runtime} run from a folder with nothing but its files`, async () => {
    if (runtime === "webgpu" && !await hasAdapter()) return;
    const folder = await Deno.makeTempDir({ prefix: "ort_runtime_" });
    try {
      for (const file of RUNTIME_FILES[runtime]) {
        const source = await packaged(runtime, file);
        if (!file.endsWith(".mjs")) await Deno.symlink(source, join(folder, file));
        else await Deno.writeTextFile(join(folder, file), outsidePackage(await Deno.readTextFile(source)));
      }
      const modelPath = join(folder, "model.onnx");
      await Deno.writeFile(
        modelPath,
        onnxModel({
          inputs: [{ name: "X", type: 1, shape: ["n"] }],
          outputs: [{ name: "Y", type: 1, shape: ["n"] }],
          nodes: [{ op: "Neg", inputs: ["X"], outputs: ["Y"] }],
        }),
      );
      await using remote = new RemoteModel();
      await remote.load({ runtime, modelPath, assetDirectory: folder, intraOpThreads: 2 });
      const [{ data }] = await remote.run([tensor("X", "FP32", [3], new Float32Array([1, 2, 3]))], ["Y"]);
      assert.deepEqual([...new Float32Array(data.slice().buffer)], [-1, -2, -3]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("outsidePackage() names Node's modules by their prefix and changes nothing else", () => {
  assert.equal(
    outsidePackage('await import("module");require("worker_threads");require("fs");import("./x.mjs")'),
    'await import("node:module");require("node:worker_threads");require("fs");import("./x.mjs")',
  );
});
