import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Status } from "../core/status.ts";
import { ModelStatistics } from "../observability/statistics.ts";
import { ModelConfigSchema } from "../proto/gen/model_config_pb.ts";
import { type EntryHost, ModelEntry } from "./model_entry.ts";
import type { PolledModel } from "./polled_model.ts";
import { ServedModel } from "./served_model.ts";

const config = create(ModelConfigSchema, { name: "m" });

function polled(revision: string, ...versions: number[]): PolledModel {
  const revisions = new Map(versions.map((version) => [version, revision]));
  return { name: "m", directory: "/models/m", config, versions, revisions };
}

/** A host whose loads and releases end when the test says so. */
class StepHost implements EntryHost {
  readonly loads: { version: number; end: (result?: Status) => void }[] = [];
  readonly releases: { version: number; end: () => void }[] = [];
  readonly steps: string[] = [];
  /** Takes what the version that was loaded last runs on away. */
  readonly lose = new Map<number, (reason: Status) => void>();

  async load(_model: PolledModel, versions: readonly number[]) {
    const results = new Map<number, ServedModel | Status>();
    await Promise.all(versions.map(async (version) => {
      const result = await new Promise<Status | undefined>((end) => this.loads.push({ version, end }));
      results.set(version, result ?? served(version, new Promise((resolve) => this.lose.set(version, resolve))));
    }));
    return results;
  }

  async release({ version }: ServedModel): Promise<void> {
    await new Promise<void>((end) => this.releases.push({ version, end }));
  }

  changed(_entry: ModelEntry, record: { version: number; status: { state: string } }): void {
    this.steps.push(`${record.version} ${record.status.state}`);
  }
}

function served(version: number, lost: Promise<Status>): ServedModel {
  return new ServedModel({
    config,
    version,
    loaded: { instances: [], device: "CPU", note: "", lost, unload: () => Promise.resolve() },
    scheduler: { enqueue() {}, inFlight: 0, pending: 0, stop() {} },
    statistics: new ModelStatistics(),
    labels: new Map(),
  });
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function setUp() {
  const host = new StepHost();
  const entry = new ModelEntry("m", host);
  const states = () => entry.index().map(({ version, state, reason }) => [version, state, reason]);
  /** Ends everything that the host was asked for. */
  const endAll = async () => {
    for (const load of host.loads.splice(0)) load.end();
    await turns();
  };
  return { host, entry, states, endAll };
}

Deno.test("want() puts all versions into service together", async () => {
  const { host, entry, states } = setUp();
  const done = entry.want(polled("a", 1, 2));
  await turns();
  host.loads[1].end();
  await turns();
  assert.deepEqual(states(), [[1, "LOADING", undefined], [2, "LOADING", undefined]]);
  assert.equal(entry.allReady, false);
  host.loads[0].end();
  await done;
  assert.deepEqual(states(), [[1, "READY", undefined], [2, "READY", undefined]]);
  assert.equal(entry.latest?.version, 2);
  assert.deepEqual([...entry.byText.keys()], ["1", "2"]);
  assert.equal(entry.allReady, true);
});

Deno.test("want() keeps serving the old version until the new one is ready", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  const old = entry.latest;
  entry.want(polled("b", 2));
  await turns();
  assert.equal(entry.latest, old);
  await endAll();
  assert.equal(entry.latest?.version, 2);
  assert.deepEqual(states(), [[1, "UNLOADING", undefined], [2, "READY", undefined]]);
  assert.equal(entry.allReady, true);
  host.releases[0].end();
  await entry.settled();
  assert.deepEqual(states(), [[1, "UNAVAILABLE", "unloaded"], [2, "READY", undefined]]);
});

Deno.test("want() keeps what serves when a reload fails, and says so", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  const old = entry.latest;
  const done = entry.want(polled("b", 1));
  await turns();
  host.loads.splice(0)[0].end(new Status("INTERNAL", "broken"));
  await done;
  assert.equal(entry.latest, old);
  assert.deepEqual(states(), [[1, "READY", undefined]]);
  assert.equal(entry.loadErrors.get(1)?.message, "broken");
  assert.equal(host.releases.length, 0);
});

Deno.test("want() throws away a load that a later wish has overtaken", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await turns();
  const done = entry.want(undefined);
  await endAll();
  await done;
  assert.deepEqual(states(), [[1, "UNAVAILABLE", "unloaded"]]);
  assert.deepEqual(host.releases.map(({ version }) => version), [1]);
  assert.equal(entry.allReady, true);
  assert.ok(!host.steps.includes("1 READY"));
});

Deno.test("want() loads a version again while its old self is still finishing", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  await entry.want(undefined);
  assert.deepEqual(states(), [[1, "UNLOADING", undefined]]);
  entry.want(polled("a", 1));
  await endAll();
  assert.deepEqual(states(), [[1, "READY", undefined]]);
  host.releases[0].end();
  await entry.settled();
  assert.deepEqual(states(), [[1, "READY", undefined]]);
});

const LOST = new Status("UNAVAILABLE", "nothing runs");

Deno.test("a version that is lost is UNAVAILABLE with the reason and given back, and the others go on", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1, 2));
  await endAll();
  host.lose.get(2)!(LOST);
  await turns();
  assert.deepEqual(states(), [[1, "READY", undefined], [2, "UNAVAILABLE", "Unavailable: nothing runs"]]);
  assert.equal(entry.latest?.version, 1);
  assert.equal(entry.allReady, false);
  assert.deepEqual(host.releases.map(({ version }) => version), [2]);
});

Deno.test("want() loads a version that was lost again, though nothing of it has changed", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  const loseFirst = host.lose.get(1)!;
  loseFirst(LOST);
  await turns();
  entry.want(polled("a", 1));
  await endAll();
  assert.deepEqual(states(), [[1, "READY", undefined]]);
  assert.equal(entry.allReady, true);
  host.lose.get(1)!(LOST);
  await turns();
  assert.equal(entry.allReady, false);
});

Deno.test("want() replaces a version that was lost while its successor loaded", async () => {
  const { host, entry, states, endAll } = setUp();
  for (const successor of [undefined, new Status("INTERNAL", "broken")]) {
    entry.want(polled(`old ${successor}`, 1));
    await endAll();
    const done = entry.want(polled(`new ${successor}`, 1));
    await turns();
    host.lose.get(1)!(LOST);
    await turns();
    assert.deepEqual(states(), [[1, "UNAVAILABLE", "Unavailable: nothing runs"]]);
    host.loads.splice(0)[0].end(successor);
    await done;
    assert.deepEqual(states(), [successor ? [1, "UNAVAILABLE", "Internal: broken"] : [1, "READY", undefined]]);
  }
});

Deno.test("want() takes a version that was lost for unloaded once it is not wanted", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  const done = entry.want(polled("b", 2));
  await turns();
  host.lose.get(1)!(LOST);
  await turns();
  await endAll();
  await done;
  assert.deepEqual(states(), [[1, "UNAVAILABLE", "unloaded"], [2, "READY", undefined]]);
  assert.equal(entry.allReady, true);
});

Deno.test("a version that is lost after it was replaced or unloaded changes nothing", async () => {
  const { host, entry, states, endAll } = setUp();
  entry.want(polled("a", 1));
  await endAll();
  const loseFirst = host.lose.get(1)!;
  entry.want(polled("b", 1));
  await endAll();
  loseFirst(LOST);
  await turns();
  assert.deepEqual(states(), [[1, "READY", undefined]]);
  await entry.want(undefined);
  host.lose.get(1)!(LOST);
  await turns();
  assert.deepEqual(states(), [[1, "UNLOADING", undefined]]);
});
