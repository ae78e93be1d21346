import assert from "node:assert/strict";
import { CachingScheduler } from "../scheduler/cache/caching_scheduler.ts";
import { LocalCache } from "../scheduler/cache/local_cache.ts";
import { readConfig } from "./config/mod.ts";
import { epochOf } from "./response_cache.ts";
import { revisionsOf } from "./revision.ts";
import { onRequest } from "./source.ts";
import { ensembleConfig, TWICE } from "./testing/ensemble_fixture.ts";
import {
  identityConfig,
  inferOnce,
  repositoryOf,
  vector,
  withFiles,
  writeFiles,
} from "./testing/repository_fixture.ts";

const CACHED = "response_cache { enable: true }";
const MODEL = { "m/config.pbtxt": identityConfig(CACHED), "m/1/": "" };

Deno.test("a model that asks for it answers from the cache, others never", async () => {
  await withFiles({ ...MODEL, "plain/config.pbtxt": identityConfig(), "plain/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { cache: new LocalCache(1 << 20) });
    await repository.start();
    const [m, plain] = [repository.find("m", ""), repository.find("plain", "")];
    for (const model of [m, plain]) {
      await inferOnce(model, vector(1, 2));
      const { outputs } = await inferOnce(model, vector(1, 2));
      assert.deepEqual(outputs, [{ ...vector(1, 2), name: "OUT" }]);
    }
    const { success, cacheHit, cacheMiss, computeInfer, inferenceCount, executionCount } = m.statistics;
    assert.deepEqual([success.count, cacheHit.count, cacheMiss.count, computeInfer.count], [2, 1, 1, 1]);
    assert.deepEqual([inferenceCount, executionCount], [1, 1]);
    assert.deepEqual([plain.statistics.executionCount, plain.statistics.cacheHit.count], [2, 0]);
    await repository.close(1000);
  });
});

Deno.test("a model that asks for a cache is served without one where the server has none", async () => {
  await withFiles(MODEL, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const model = repository.find("m", "");
    assert.ok(!(model.scheduler instanceof CachingScheduler));
    await inferOnce(model, vector(1));
    await repository.close(1000);
  });
});

Deno.test("a reloaded model computes anew, and what the old one left in the cache is gone", async () => {
  await withFiles(MODEL, async (root) => {
    const cache = new LocalCache(1 << 20);
    const { repository } = repositoryOf(root, { cache, source: onRequest(["m"]) });
    await repository.start();
    await inferOnce(repository.find("m", ""), vector(1));
    assert.equal(cache.statistics.entries, 1);
    await writeFiles(root, { "m/config.pbtxt": identityConfig(`${CACHED} # changed`) });
    await repository.load("m");
    const model = repository.find("m", "");
    await inferOnce(model, vector(1));
    assert.equal(model.statistics.executionCount, 1);
    await repository.close(1000);
    assert.equal(cache.statistics.entries, 0);
  });
});

Deno.test("an ensemble answers from the cache until one of its models is replaced", async () => {
  const files = {
    "m/config.pbtxt": identityConfig(),
    "m/1/": "",
    "e/config.pbtxt": ensembleConfig(TWICE, CACHED),
    "e/1/": "",
    "outer/config.pbtxt": ensembleConfig(["e IN=IN OUT=OUT"], CACHED),
    "outer/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { cache: new LocalCache(1 << 20), source: onRequest(["outer"]) });
    await repository.start();
    const before = repository.find("m", "").statistics;
    for (let i = 0; i < 3; i++) await inferOnce(repository.find("outer", ""), vector(1));
    await inferOnce(repository.find("e", ""), vector(1));
    assert.equal(before.executionCount, 2);
    assert.equal(repository.find("e", "").statistics.cacheHit.count, 1);
    await writeFiles(root, { "m/config.pbtxt": identityConfig("# changed") });
    await repository.load("m");
    await inferOnce(repository.find("outer", ""), vector(1));
    assert.equal(repository.find("m", "").statistics.executionCount, 2);
    await repository.close(1000);
  });
});

Deno.test("epochOf() changes with every load, and in a shared cache with what is loaded", async () => {
  const config = readConfig("config.pbtxt", identityConfig());
  const other = readConfig("config.pbtxt", identityConfig("max_batch_size: 2"));
  const local = new LocalCache(1);
  const shared = Object.assign(new LocalCache(1), { shared: true });
  await withFiles({ "m/config.pbtxt": "", "m/1/file": "one" }, async (root) => {
    const directory = `${root}/m`;
    const polled = async () => ({ directory, revisions: await revisionsOf(directory, [1]) });
    const model = await polled();
    assert.notEqual(await epochOf(config, model, 1, local), await epochOf(config, model, 1, local));
    const epoch = await epochOf(config, model, 1, shared);
    assert.equal(await epochOf(config, model, 1, shared), epoch);
    assert.notEqual(await epochOf(other, model, 1, shared), epoch);
    const ensemble = { directory, revisions: new Map([[1, `${model.revisions.get(1)} | 7`]]) };
    assert.equal(await epochOf(config, ensemble, 1, shared), epoch);
    const { mtime } = await Deno.stat(`${directory}/1/file`);
    await Deno.writeTextFile(`${directory}/1/file`, "two");
    await Deno.utime(`${directory}/1/file`, mtime!, mtime!);
    assert.notEqual(await epochOf(config, await polled(), 1, shared), epoch, "other bytes of the same size and time");
    await Deno.writeTextFile(`${directory}/1/file`, "one");
    assert.equal(await epochOf(config, await polled(), 1, shared), epoch, "the same bytes at another time");
    await Deno.writeTextFile(`${directory}/1/file`, "longer");
    assert.notEqual(await epochOf(config, model, 1, shared), await epochOf(config, model, 1, shared), "not as polled");
  });
});
