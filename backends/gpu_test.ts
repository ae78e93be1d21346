import assert from "node:assert/strict";
import { gpuAvailable, mayHaveGpu, probeGpu } from "./gpu.ts";

Deno.test("probeGpu() describes the adapter or finds none, and asks once", async () => {
  const first = probeGpu();
  assert.equal(probeGpu(), first);
  const info = await first;
  if (!info) return console.log("no adapter on this machine: its description is not tested");
  assert.ok(info.description.length > 0);
  assert.equal(typeof info.software, "boolean");
});

Deno.test("gpuAvailable() does not count a software adapter", async () => {
  const info = await probeGpu();
  if (await gpuAvailable()) assert.equal(info!.software, false);
  else assert.ok(!info || info.software || !await mayHaveGpu());
});

Deno.test({
  name: "mayHaveGpu() looks for the device files of a GPU",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const devices = await Deno.makeTempDir();
    assert.equal(await mayHaveGpu(devices), false);
    await Deno.mkdir(`${devices}/dri`);
    assert.equal(await mayHaveGpu(devices), true);
    await Deno.remove(devices, { recursive: true });
  },
});
