import assert from "node:assert/strict";
import { configToJson, normaliseInstanceGroups, readConfig } from "./mod.ts";

function groups(text: string, gpuAvailable: boolean) {
  const config = readConfig("config.pbtxt", `name: "m" ${text}`);
  normaliseInstanceGroups(config, { gpuAvailable });
  const shown: { name: string; kind: string; count: number; gpus: number[] }[] =
    JSON.parse(configToJson(config)).instance_group;
  return shown.map(({ name, kind, count, gpus }) => [name, kind, count, gpus]);
}

Deno.test("normaliseInstanceGroups() makes a group where none is given", () => {
  assert.deepEqual(groups("", false), [["m", "KIND_CPU", 1, []]]);
  assert.deepEqual(groups("", true), [["m", "KIND_GPU", 1, [0]]]);
  assert.deepEqual(groups('platform: "ensemble" ensemble_scheduling { }', true), []);
});

Deno.test("normaliseInstanceGroups() names nameless groups by their index and corrects counts below 1", () => {
  const text = 'instance_group [ { name: "x" count: -1 }, { kind: KIND_CPU count: 3 }, { kind: KIND_MODEL } ]';
  assert.deepEqual(groups(text, true), [
    ["x", "KIND_GPU", 1, [0]],
    ["m_1", "KIND_CPU", 3, []],
    ["m_2", "KIND_MODEL", 1, []],
  ]);
});

Deno.test("normaliseInstanceGroups() gives ONNX Runtime two instances on the CPU, one on the GPU", () => {
  const text = 'backend: "onnxruntime" instance_group [ { kind: KIND_CPU }, { }, { kind: KIND_CPU count: 1 } ]';
  assert.deepEqual(groups(text, true).map(([, , count]) => count), [2, 1, 1]);
  assert.deepEqual(groups('backend: "onnxruntime"', false), [["m", "KIND_CPU", 2, []]]);
});

Deno.test("normaliseInstanceGroups() refuses GPUs that are not there or not used, and profiles", () => {
  const cases: [string, boolean, RegExp][] = [
    ["kind: KIND_GPU", false, /^instance group m_0 of model m has kind KIND_GPU but no GPUs are available/],
    ["kind: KIND_CPU gpus: 0", true, /^instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs/],
    ["gpus: 0", false, /^instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs/],
    ["kind: KIND_MODEL gpus: 0", true, /^instance group m_0 of model m has kind KIND_MODEL but specifies one or more/],
    [
      'profile: "1"',
      true,
      /^instance group m_0 of model m and platform specifies profile field which is only supported for TensorRT models$/,
    ],
  ];
  for (const [group, gpuAvailable, message] of cases) {
    assert.throws(() => groups(`instance_group { ${group} }`, gpuAvailable), { code: "INVALID_ARGUMENT", message });
  }
});

Deno.test("normaliseInstanceGroups() lets KIND_GPU use a software adapter and KIND_AUTO not", () => {
  const kinds = (kind: string) => {
    const config = readConfig("config.pbtxt", `name: "m" instance_group { kind: ${kind} }`);
    normaliseInstanceGroups(config, { gpuAvailable: false, softwareGpu: true });
    return JSON.parse(configToJson(config)).instance_group[0];
  };
  assert.deepEqual([kinds("KIND_GPU").kind, kinds("KIND_GPU").gpus], ["KIND_GPU", [0]]);
  assert.equal(kinds("KIND_AUTO").kind, "KIND_CPU");
});
