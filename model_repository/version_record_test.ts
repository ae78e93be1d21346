import assert from "node:assert/strict";
import { Status } from "../core/status.ts";
import type { ServedModel } from "./served_model.ts";
import { UNLOADED, VersionRecord } from "./version_record.ts";

const model = {} as ServedModel;

Deno.test("VersionRecord goes through its life and tells of each step", () => {
  const seen: string[] = [];
  const record = new VersionRecord(1, ({ status }) => seen.push(status.state));
  record.become({ state: "LOADING" });
  assert.equal(record.ready, undefined);
  record.become({ state: "READY", model });
  assert.equal(record.ready, model);
  assert.equal(record.unloaded, false);
  record.become({ state: "UNLOADING", model });
  assert.equal(record.ready, undefined);
  assert.equal(record.unloaded, true);
  record.become({ state: "UNAVAILABLE", reason: UNLOADED });
  assert.equal(record.unloaded, true);
  record.become({ state: "LOADING" });
  record.become({ state: "UNAVAILABLE", reason: "Internal: broken" });
  assert.equal(record.unloaded, false);
  assert.deepEqual(seen, ["LOADING", "READY", "UNLOADING", "UNAVAILABLE", "LOADING", "UNAVAILABLE"]);
});

Deno.test("VersionRecord knows what was lost until it is loaded anew or given up on purpose", () => {
  const record = new VersionRecord(1, () => {});
  const lost = new Status("UNAVAILABLE", "nothing runs");
  const lose = () => record.become({ state: "UNAVAILABLE", reason: lost.spelled, lost });
  record.become({ state: "LOADING" });
  record.become({ state: "READY", model });
  lose();
  assert.equal(record.lost, lost);
  assert.equal(record.ready, undefined);
  assert.equal(record.unloaded, false);
  record.become({ state: "LOADING" });
  assert.equal(record.lost, undefined);
  record.become({ state: "READY", model });
  lose();
  record.become({ state: "UNAVAILABLE", reason: UNLOADED });
  assert.equal(record.lost, undefined);
  assert.equal(record.unloaded, true);
});

Deno.test("become() refuses steps that the state machine does not have", () => {
  const record = new VersionRecord(3, () => {});
  assert.throws(() => record.become({ state: "READY", model }), /version 3 cannot become READY while it is UNKNOWN/);
  record.become({ state: "LOADING" });
  assert.throws(() => record.become({ state: "UNLOADING", model }), /cannot become UNLOADING while it is LOADING/);
});
