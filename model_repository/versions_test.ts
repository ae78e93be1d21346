import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { type ModelVersionPolicy, ModelVersionPolicySchema } from "../proto/gen/model_config_pb.ts";
import { chooseVersions, versionsOf } from "./versions.ts";

Deno.test("versionsOf() takes positive integers in numeric order and warns of what only looks like one", () => {
  const { versions, warnings } = versionsOf(["10", "9", "01", "0", "v2", "configs", "warmup", "initial_state"], "m");
  assert.deepEqual(versions, [9, 10]);
  assert.deepEqual(warnings.map((warning) => warning.match(/'([^']+)'/)![1]), ["01", "0", "v2"]);
});

Deno.test("chooseVersions() follows each policy", () => {
  const policy = (policyChoice: ModelVersionPolicy["policyChoice"]) =>
    create(ModelVersionPolicySchema, { policyChoice });
  const latest = (numVersions: number) =>
    policy({ case: "latest", value: { $typeName: "inference.ModelVersionPolicy.Latest", numVersions } });
  const specific = (...versions: bigint[]) =>
    policy({ case: "specific", value: { $typeName: "inference.ModelVersionPolicy.Specific", versions } });
  const all = policy({ case: "all", value: { $typeName: "inference.ModelVersionPolicy.All" } });
  const there = [1, 2, 10];
  assert.deepEqual(chooseVersions(undefined, there), { chosen: [10], absent: [] });
  assert.deepEqual(chooseVersions(latest(2), there), { chosen: [2, 10], absent: [] });
  assert.deepEqual(chooseVersions(latest(9), there), { chosen: [1, 2, 10], absent: [] });
  assert.deepEqual(chooseVersions(latest(0), there), { chosen: [], absent: [] });
  assert.deepEqual(chooseVersions(all, there), { chosen: [1, 2, 10], absent: [] });
  assert.deepEqual(chooseVersions(specific(10n, 4n, 1n, 1n), there), { chosen: [1, 10], absent: [4] });
  assert.deepEqual(chooseVersions(all, []), { chosen: [], absent: [] });
});
