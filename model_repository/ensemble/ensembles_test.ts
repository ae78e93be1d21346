import assert from "node:assert/strict";
import type { Backend } from "../../backends/backend.ts";
import { IdentityBackend, identityBackend } from "../../backends/identity/mod.ts";
import { ManualClock } from "../../core/clock.ts";
import type { Status } from "../../core/status.ts";
import { onRequest } from "../source.ts";
import { ensembleConfig, TWICE } from "../testing/ensemble_fixture.ts";
import {
  identityConfig,
  inferOnce,
  repositoryOf,
  vector,
  withFiles,
  writeFiles,
} from "../testing/repository_fixture.ts";

const MODEL = { "m/config.pbtxt": identityConfig(), "m/1/": "" };
const ENSEMBLE = { "e/config.pbtxt": ensembleConfig(TWICE), "e/1/": "" };
const delayed = (seconds: number) =>
  identityConfig(`parameters { key: "creation_delay_sec" value { string_value: "${seconds}" } }`);
const slow = identityConfig('parameters { key: "execute_delay_ms" value { string_value: "100" } }');
/** Loading fails: the parameter is no number. */
const broken = identityConfig('parameters { key: "execute_delay_ms" value { string_value: "soon" } }');

function reasonOf(repository: { index(): readonly { name: string; reason?: string }[] }, name: string) {
  return repository.index().find((entry) => entry.name === name)?.reason;
}

Deno.test("an ensemble serves, also one within another, and counts as its models do", async () => {
  const files = {
    ...MODEL,
    ...ENSEMBLE,
    "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=between", "e IN=between OUT=OUT"]),
    "outer/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    const outer = repository.find("outer", "");
    const { modelName, modelVersion, outputs } = await inferOnce(outer, vector(1, 2));
    assert.deepEqual([modelName, modelVersion], ["outer", "1"]);
    assert.deepEqual(outputs, [{ ...vector(1, 2), name: "OUT" }]);
    assert.equal(outer.decoupled, false);
    assert.equal(outer.loaded.device, "CPU");
    assert.equal(repository.find("e", "").statistics.inferenceCount, 2);
    const [m, e] = [repository.find("m", "").statistics, repository.find("e", "").statistics];
    assert.equal(m.inferenceCount, 4);
    assert.equal(outer.statistics.executionCount, 1);
    assert.equal(e.computeInfer.ns, m.computeInfer.ns);
    assert.equal(await repository.close(1000), true);
  });
});

Deno.test("an ensemble passes the very bytes through its steps", async () => {
  await withFiles({ ...MODEL, ...ENSEMBLE }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const input = vector(1, 2, 3);
    const { outputs } = await inferOnce(repository.find("e", ""), input);
    assert.equal(outputs[0].data.buffer, input.data.buffer);
    await repository.close(1000);
  });
});

Deno.test("an ensemble names the step's model where a request gets stuck in it", async () => {
  const files = {
    "m/config.pbtxt": identityConfig().replace("dims: -1", "dims: 2"),
    "m/1/": "",
    ...ENSEMBLE,
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    await assert.rejects(inferOnce(repository.find("e", ""), vector(1)), (error: Status) => {
      assert.match(error.message, /^in ensemble 'e', \[request id: <id_unknown>\] unexpected shape for input 'IN'/);
      assert.equal(error.code, "INVALID_ARGUMENT");
      return true;
    });
    assert.equal(repository.find("e", "").statistics.fail.count, 1);
    await repository.close(1000);
  });
});

Deno.test("an ensemble has the labels of the model that writes an output, unless it brings its own", async () => {
  const labelled = identityConfig().replace('name: "OUT"', 'name: "OUT" label_filename: "labels.txt"');
  const own = ensembleConfig(TWICE).replace('name: "OUT"', 'name: "OUT" label_filename: "own.txt"');
  const files = {
    "m/config.pbtxt": labelled,
    "m/labels.txt": "cat\ndog\n",
    "m/1/": "",
    ...ENSEMBLE,
    "own/config.pbtxt": own,
    "own/own.txt": "one\n",
    "own/1/": "",
    "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=OUT"]),
    "outer/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.deepEqual(repository.find("e", "").labels("OUT"), ["cat", "dog"]);
    assert.deepEqual(repository.find("outer", "").labels("OUT"), ["cat", "dog"]);
    assert.deepEqual(repository.find("own", "").labels("OUT"), ["one"]);
    await repository.close(1000);
  });
});

Deno.test("an ensemble waits for its models, and says so", async () => {
  const clock = new ManualClock();
  const files = {
    ...ENSEMBLE,
    "m/config.pbtxt": delayed(2),
    "m/1/": "",
    "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=OUT"]),
    "outer/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository, log } = repositoryOf(root, { backend: new IdentityBackend(clock), clock });
    const started = repository.start();
    while (!repository.index().some(({ state }) => state === "LOADING")) await new Promise((turn) => setTimeout(turn));
    assert.equal(reasonOf(repository, "e"), "ensemble 'e' waits for 'm' to be loaded");
    assert.equal(reasonOf(repository, "outer"), "ensemble 'outer' waits for 'e' to be loaded");
    clock.advance(2000);
    await started;
    assert.deepEqual(repository.index().map(({ state, reason }) => reason ?? state), ["READY", "READY", "READY"]);
    const loaded = log.lines.filter((line) => line.includes("successfully loaded"));
    assert.deepEqual(loaded.map((line) => line.match(/'(\w+)'/)![1]), ["m", "e", "outer"]);
    assert.ok(log.lines.includes("I ensemble 'e' waits for 'm' to be loaded"));
    const closed = repository.close(1000);
    clock.advance(10);
    assert.equal(await closed, true);
  });
});

Deno.test("load() of an ensemble loads its models, and unload() with dependents takes them along", async () => {
  const other = { "other/config.pbtxt": ensembleConfig(["m IN=IN OUT=OUT"]), "other/1/": "" };
  await withFiles({ ...MODEL, ...ENSEMBLE, ...other }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest([]) });
    await repository.start();
    await repository.load("e");
    assert.equal(repository.readyModels().length, 2);
    await repository.unload("e");
    assert.deepEqual(repository.readyModels().map(({ name }) => name), ["m"]);
    await repository.load("e");
    await repository.unload("e", true);
    assert.deepEqual(repository.readyModels(), []);
    // not a model that another ensemble runs, or that was loaded by its name
    await repository.load("e");
    await repository.load("other");
    await repository.unload("e", true);
    assert.deepEqual(repository.readyModels().map(({ name }) => name), ["m", "other"]);
    await repository.load("m");
    await repository.unload("other", true);
    assert.deepEqual(repository.readyModels().map(({ name }) => name), ["m"]);
    await repository.close(1000);
  });
});

Deno.test("unload() of a model takes the ensembles that run it away, and load() brings them back", async () => {
  const outer = { "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=OUT"]), "outer/1/": "" };
  await withFiles({ ...MODEL, ...ENSEMBLE, ...outer }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["*"]) });
    await repository.start();
    await repository.unload("m");
    assert.throws(() => repository.find("e", ""), /has no available versions$/);
    assert.throws(() => repository.find("outer", ""), /has no available versions$/);
    for (const name of ["e", "outer"]) {
      while (reasonOf(repository, name) !== "unloaded") await new Promise((turn) => setTimeout(turn));
    }
    assert.equal(repository.allReady(), true);
    await repository.load("m");
    assert.deepEqual((await inferOnce(repository.find("outer", ""), vector(4))).outputs, [{
      ...vector(4),
      name: "OUT",
    }]);
    await repository.unload("e");
    assert.throws(() => repository.find("outer", ""), /has no available versions$/);
    await repository.load("m");
    assert.throws(() => repository.find("e", ""), /has no available versions$/);
    await repository.close(1000);
  });
});

Deno.test("load() of a changed model judges its ensembles anew", async () => {
  await withFiles({ ...MODEL, ...ENSEMBLE }, async (root) => {
    const { repository, log } = repositoryOf(root, { source: onRequest(["*"]) });
    await repository.start();
    const before = repository.find("e", "");
    await writeFiles(root, { "m/config.pbtxt": identityConfig().replaceAll("TYPE_FP32", "TYPE_INT32") });
    await repository.load("m");
    assert.throws(() => repository.find("e", ""), /has no available versions$/);
    const why = "in ensemble e, ensemble tensor IN: inconsistent data type: TYPE_FP32 is inferred from model e while " +
      "TYPE_INT32 is inferred from model m";
    assert.ok(log.lines.includes(`E failed to load 'e': ${why}`));
    await assert.rejects(repository.load("e"), { message: `load failed for model 'e': ${why}\n` });
    await writeFiles(root, { "m/config.pbtxt": identityConfig("max_batch_size: 8 # and another size of file") });
    await repository.load("m");
    const after = repository.find("e", "");
    assert.notEqual(after, before);
    // what serves now knows that the model batches
    assert.deepEqual((await inferOnce(after, vector(1, 2))).outputs[0].shape, [2]);
    await repository.load("e");
    assert.equal(repository.find("e", ""), after);
    await repository.close(1000);
  });
});

Deno.test("a request of an ensemble keeps the versions that it began with", async () => {
  const clock = new ManualClock();
  const unloaded: string[] = [];
  const identity = new IdentityBackend(clock);
  const backend: Backend = {
    name: "identity",
    async load(source, context) {
      const loaded = await identity.load(source, context);
      return { ...loaded, unload: () => Promise.resolve(void unloaded.push(source.name)) };
    },
  };
  const files = {
    "first/config.pbtxt": slow,
    "first/1/": "",
    ...MODEL,
    "e/config.pbtxt": ensembleConfig(["first IN=IN OUT=mid", "m IN=mid OUT=OUT"]),
    "e/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["*"]), backend, clock });
    await repository.start();
    const answer = inferOnce(repository.find("e", ""), vector(5));
    await repository.unload("m");
    assert.throws(() => repository.find("m", ""));
    clock.advance(50);
    await new Promise((turn) => setTimeout(turn));
    assert.deepEqual(unloaded, []);
    clock.advance(60);
    assert.deepEqual((await answer).outputs, [{ ...vector(5), name: "OUT" }]);
    clock.advance(10);
    const closed = repository.close(1000);
    while (unloaded.length < 2) {
      await new Promise((turn) => setTimeout(turn));
      clock.advance(10);
    }
    assert.equal(await closed, true);
  });
});

Deno.test("close() lets ensembles finish before it stops the models that they run", async () => {
  const clock = new ManualClock();
  const files = {
    "first/config.pbtxt": slow,
    "first/1/": "",
    ...MODEL,
    "e/config.pbtxt": ensembleConfig(["first IN=IN OUT=mid", "m IN=mid OUT=OUT"]),
    "e/1/": "",
    "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=OUT"]),
    "outer/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { backend: new IdentityBackend(clock), clock });
    await repository.start();
    const outer = repository.find("outer", "");
    const answer = inferOnce(outer, vector(6));
    const closed = repository.close(1000);
    await assert.rejects(inferOnce(outer, vector(1)), /^Status: Server is stopping/);
    clock.advance(100);
    assert.deepEqual((await answer).outputs, [{ ...vector(6), name: "OUT" }]);
    let over = false;
    closed.then(() => over = true);
    while (!over) {
      await new Promise((turn) => setTimeout(turn));
      clock.advance(5);
    }
    assert.equal(await closed, true);
  });
});

Deno.test("an ensemble says which of its models is missing, has failed, or lacks a version", async () => {
  const one = (model: string) => ensembleConfig([`${model} IN=IN OUT=OUT`]);
  const files = {
    ...MODEL,
    "broken/config.pbtxt": broken,
    "broken/1/": "",
    "unreadable/config.pbtxt": "backend: [",
    "noversion/config.pbtxt": identityConfig(),
    "e_missing/config.pbtxt": ensembleConfig(["nosuch IN=IN OUT=mid", "unreadable IN=mid OUT=OUT"]),
    "e_missing/1/": "",
    "e_broken/config.pbtxt": one("broken"),
    "e_broken/1/": "",
    "e_noversion/config.pbtxt": one("noversion"),
    "e_noversion/1/": "",
    "e_version/config.pbtxt": one("m:7"),
    "e_version/1/": "",
    "e_around/config.pbtxt": one("e_missing"),
    "e_around/1/": "",
    "e_without/config.pbtxt": one("m"),
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const missing = "ensemble e_missing contains models that are not available or ambiguous: nosuch, unreadable";
    assert.equal(reasonOf(repository, "e_missing"), missing);
    assert.match(
      reasonOf(repository, "e_broken")!,
      /^ensemble 'e_broken' depends on 'broken' which has no loaded version\. Model 'broken' loading failed with error: version 1 is at UNAVAILABLE state: Invalid argument: parameter 'execute_delay_ms' .*;$/,
    );
    assert.match(reasonOf(repository, "e_noversion")!, /loading failed with error: at least one version must be/);
    assert.equal(
      reasonOf(repository, "e_version"),
      "ensemble 'e_version' depends on 'm' whose required version 7 is not loaded.",
    );
    assert.match(reasonOf(repository, "e_around")!, new RegExp(`'e_missing' loading failed with error: ${missing}$`));
    assert.match(reasonOf(repository, "e_without")!, /^at least one version must be available/);
    assert.throws(
      () => repository.find("e_missing", ""),
      /is not found\. It is in the repository but cannot be served/,
    );
    await repository.close(1000);
  });
});

Deno.test("ensembles that run each other say so, and those that run one of them too", async () => {
  const one = (model: string) => ensembleConfig([`${model} IN=IN OUT=OUT`]);
  const files = Object.fromEntries(
    Object.entries({ a: "b", b: "c", c: "a", self: "self", outside: "a" }).flatMap(([name, model]) => [
      [`${name}/config.pbtxt`, one(model)],
      [`${name}/1/`, ""],
    ]),
  );
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const circle = "circular dependency between ensembles:";
    assert.equal(reasonOf(repository, "a"), `${circle} a -> ... -> c -> a`);
    assert.equal(reasonOf(repository, "b"), `${circle} b -> ... -> a -> b`);
    assert.equal(reasonOf(repository, "self"), `${circle} self -> ... -> self -> self`);
    assert.match(reasonOf(repository, "outside")!, /'a' loading failed with error: circular dependency/);
    await repository.close(1000);
  });
});

Deno.test("an ensemble of several versions serves them all", async () => {
  const files = {
    ...MODEL,
    "e/config.pbtxt": ensembleConfig(TWICE, "version_policy { all {} }"),
    "e/1/": "",
    "e/4/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { backend: identityBackend });
    await repository.start();
    assert.deepEqual(repository.readyVersions("e").map(({ version }) => version), [1, 4]);
    assert.equal((await inferOnce(repository.find("e", "4"), vector(1))).modelVersion, "4");
    await repository.close(1000);
  });
});
