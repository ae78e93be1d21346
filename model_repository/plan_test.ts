import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { planReconcile } from "./plan.ts";
import type { PolledModel } from "./polled_model.ts";
import type { ServedModel } from "./served_model.ts";
import { VersionRecord } from "./version_record.ts";

function wanted(revisions: Record<number, string>): PolledModel {
  const versions = Object.keys(revisions).map(Number);
  return {
    name: "m",
    directory: "/models/m",
    config: create(ModelConfigSchema),
    versions,
    revisions: new Map(versions.map((version) => [version, revisions[version]])),
  };
}

function records(ready: Record<number, string>, failed: number[] = []): Map<number, VersionRecord> {
  const made = new Map<number, VersionRecord>();
  const add = (version: number) => {
    const record = new VersionRecord(version, () => {});
    record.become({ state: "LOADING" });
    made.set(version, record);
    return record;
  };
  for (const [version, revision] of Object.entries(ready)) {
    const record = add(Number(version));
    record.become({ state: "READY", model: {} as ServedModel });
    record.revision = revision;
  }
  for (const version of failed) add(version).become({ state: "UNAVAILABLE", reason: "broken" });
  return made;
}

Deno.test("planReconcile() loads what is not there, what has changed and what had failed", () => {
  const plan = planReconcile(wanted({ 1: "a", 2: "b", 3: "c", 4: "d" }), records({ 1: "a", 2: "old" }, [3]));
  assert.deepEqual(plan, { load: [2, 3, 4], unload: [] });
});

Deno.test("planReconcile() unloads what is not wanted any more", () => {
  assert.deepEqual(planReconcile(wanted({ 2: "b" }), records({ 10: "x", 1: "a", 2: "b" }, [4])), {
    load: [],
    unload: [1, 10],
  });
  assert.deepEqual(planReconcile(undefined, records({ 1: "a" })), { load: [], unload: [1] });
});
