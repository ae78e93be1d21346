import assert from "node:assert/strict";
import type { Backend } from "../backends/backend.ts";
import { IdentityBackend } from "../backends/identity/mod.ts";
import { ManualClock, systemClock } from "../core/clock.ts";
import { InferenceRequest } from "../core/inference.ts";
import { UnaryResponse } from "../core/responses.ts";
import { Status } from "../core/status.ts";
import { onRequest } from "./source.ts";
import { ensembleConfig, TWICE } from "./testing/ensemble_fixture.ts";
import {
  identityConfig,
  inferOnce,
  isStatus,
  repositoryOf,
  vector,
  withFiles,
  writeFiles,
} from "./testing/repository_fixture.ts";

Deno.test("load() and unload() are refused while the source is not explicit", async () => {
  await withFiles({}, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const refused = isStatus("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled");
    await assert.rejects(repository.load("m"), refused);
    await assert.rejects(repository.unload("m"), refused);
  });
});

Deno.test("load() serves, leaves alone what has not changed, and reloads what has", async () => {
  await withFiles({ "m/config.pbtxt": identityConfig(), "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest([]) });
    await repository.start();
    assert.deepEqual(repository.index(), [{ name: "m" }]);
    assert.equal(repository.allReady(), true);
    await repository.load("m");
    const first = repository.find("m", "");
    await repository.load("m");
    assert.equal(repository.find("m", ""), first);
    await writeFiles(root, { "m/config.pbtxt": identityConfig("max_batch_size: 2 # changed") });
    await repository.load("m");
    const second = repository.find("m", "");
    assert.notEqual(second, first);
    assert.equal(second.config.maxBatchSize, 2);
    // Who still holds the old version is served by the new one.
    const { shape } = (await inferOnce(first, { ...vector(1, 2), shape: [1, 2] })).outputs[0];
    assert.deepEqual(shape, [1, 2]);
    await repository.close(1000);
  });
});

Deno.test("load() reports failures with their reasons and keeps what serves", async () => {
  await withFiles({ "m/config.pbtxt": identityConfig(), "m/1/": "", "simple/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["m"]) });
    await repository.start();
    await writeFiles(root, { "m/config.pbtxt": identityConfig("max_batch_size: -1") });
    await assert.rejects(
      repository.load("m"),
      isStatus(
        "INVALID_ARGUMENT",
        "failed to load 'm', failed to poll from model repository: 'max_batch_size' must be non-negative value for m",
      ),
    );
    assert.equal(repository.find("m", "").version, 1);
    await writeFiles(root, { "m/config.pbtxt": identityConfig().replace("dims: -1", "dims: 0") });
    await assert.rejects(
      repository.load("m"),
      isStatus(
        "INVALID_ARGUMENT",
        /^load failed for model 'm': version 1 is at UNAVAILABLE state: Invalid argument: model input 'IN' dimension .*;\n$/,
      ),
    );
    assert.equal(repository.allReady(), true);
    await assert.rejects(
      repository.load("simpel"),
      isStatus(
        "INVALID_ARGUMENT",
        /^failed to load 'simpel', .*: model not found in any model repository .*'simple'\?$/,
      ),
    );
    await writeFiles(root, { "none/config.pbtxt": identityConfig("version_policy { latest { num_versions: 0 } }") });
    await assert.rejects(
      repository.load("none"),
      isStatus(
        "INVALID_ARGUMENT",
        "load failed for model 'none': at least one version must be available under the version policy of model 'none'\n",
      ),
    );
    await repository.close(1000);
  });
});

Deno.test("unload() makes the server ready again after a failed load", async () => {
  const bad = identityConfig('parameters { key: "execute_delay_ms" value { string_value: "x" } }');
  await withFiles({ "m/config.pbtxt": bad, "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["*"]) });
    await repository.start();
    assert.equal(repository.allReady(), false);
    await repository.unload("m");
    assert.equal(repository.allReady(), true);
    assert.match(repository.index()[0].reason!, /^Invalid argument: parameter 'execute_delay_ms'/);
    await repository.unload("never heard of");
  });
});

const slow = identityConfig('parameters { key: "execute_delay_ms" value { string_value: "100" } }');

Deno.test("unload() lets running requests finish before the model goes", async () => {
  const clock = new ManualClock();
  let released = false;
  const identity = new IdentityBackend(clock);
  const backend: Backend = {
    name: "identity",
    async load(source, context) {
      const loaded = await identity.load(source, context);
      return { ...loaded, unload: () => Promise.resolve(void (released = true)) };
    },
  };
  await withFiles({ "m/config.pbtxt": slow, "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["m"]), backend, clock });
    await repository.start();
    const model = repository.find("m", "");
    const answer = inferOnce(model, vector(1));
    await repository.unload("m");
    assert.equal(repository.index()[0].state, "UNLOADING");
    assert.equal(repository.allReady(), true);
    assert.throws(() => repository.find("m", "1"), isStatus("UNAVAILABLE", /not at ready state$/));
    await assert.rejects(inferOnce(model, vector(1)), isStatus("UNAVAILABLE", /not at ready state$/));
    assert.equal(released, false);
    clock.advance(200);
    assert.equal((await answer).outputs.length, 1);
    const closed = repository.close(1000);
    assert.equal(await closed, true);
    assert.equal(released, true);
    assert.deepEqual(repository.index(), [{ name: "m", version: 1, state: "UNAVAILABLE", reason: "unloaded" }]);
  });
});

Deno.test("unload() runs what waits for the slot of a sequence that cannot go on", async () => {
  const config = identityConfig("sequence_batching { max_sequence_idle_microseconds: 3600000000 }");
  await withFiles({ "m/config.pbtxt": config, "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["m"]) });
    await repository.start();
    const model = repository.find("m", "");
    const begin = (id: number) => {
      const request = new InferenceRequest("m", "");
      request.inputs = [vector(id)];
      request.correlationId = id;
      request.sequenceStart = true;
      const sink = new UnaryResponse();
      model.infer(request, sink);
      return sink.promise;
    };
    await begin(1);
    const waiting = begin(2);
    assert.equal(model.scheduler.pending, 1);
    await repository.unload("m");
    assert.equal((await waiting).outputs.length, 1);
    assert.equal(await repository.close(60_000), true);
  });
});

const patient = identityConfig("max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 3600000000 }");
const row = { ...vector(1), shape: [1, 1] };

Deno.test("unload() and a reload execute at once what waits for a larger batch", async () => {
  await withFiles({ "m/config.pbtxt": patient, "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { source: onRequest(["m"]) });
    await repository.start();
    const before = inferOnce(repository.find("m", ""), row);
    await writeFiles(root, { "m/config.pbtxt": `${patient} # changed` });
    await repository.load("m");
    assert.equal((await before).outputs.length, 1);
    const after = inferOnce(repository.find("m", ""), row);
    await repository.unload("m");
    assert.equal((await after).outputs.length, 1);
    assert.equal(await repository.close(1000), true);
  });
});

Deno.test("hurry() executes at once what waits for a larger batch, and what comes later", async () => {
  await withFiles({ "m/config.pbtxt": patient, "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const model = repository.find("m", "");
    const waiting = inferOnce(model, row);
    repository.hurry();
    assert.equal((await waiting).outputs.length, 1);
    assert.equal((await inferOnce(model, row)).outputs.length, 1);
    await repository.close(1000);
  });
});

Deno.test("close() executes at once what an ensemble has begun and waits for a larger batch", async () => {
  const ensemble = ensembleConfig(["m IN=IN OUT=OUT"], "max_batch_size: 4");
  await withFiles({ "m/config.pbtxt": patient, "m/1/": "", "e/config.pbtxt": ensemble, "e/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    const waiting = inferOnce(repository.find("e", ""), row);
    assert.equal(await repository.close(10_000), true);
    assert.equal((await waiting).outputs.length, 1);
  });
});

Deno.test("close() refuses new work, finishes what runs, and gives up when its time is over", async () => {
  for (const timeout of [1000, 50]) {
    const clock = new ManualClock();
    await withFiles({ "m/config.pbtxt": slow, "m/1/": "" }, async (root) => {
      const { repository } = repositoryOf(root, { backend: new IdentityBackend(clock), clock });
      await repository.start();
      const model = repository.find("m", "");
      const answer = inferOnce(model, vector(1));
      const closed = repository.close(timeout);
      await assert.rejects(inferOnce(model, vector(1)), isStatus("UNAVAILABLE", /^Server is stopping/));
      clock.advance(60);
      if (timeout < 60) assert.equal(await closed, false);
      clock.advance(60);
      assert.equal((await answer).outputs.length, 1);
      assert.equal(await closed, timeout > 60);
    });
  }
});

Deno.test("a model that loses all of its instances is not ready and says why, until it is loaded again", async () => {
  const files = {
    "m/config.pbtxt": identityConfig(),
    "m/1/": "",
    "twice/config.pbtxt": ensembleConfig(TWICE),
    "twice/1/": "",
  };
  await withFiles(files, async (root) => {
    let lose: (reason: Status) => void = () => {};
    const identity = new IdentityBackend(systemClock);
    const backend: Backend = {
      name: identity.name,
      async load(source, context) {
        return { ...await identity.load(source, context), lost: new Promise((resolve) => lose = resolve) };
      },
    };
    const { repository, log } = repositoryOf(root, { source: onRequest(["twice"]), backend });
    await repository.start();
    lose(new Status("UNAVAILABLE", "instance 'm_0_0' hangs"));
    const lost = isStatus(
      "UNAVAILABLE",
      "Request for unknown model: 'm' version 1 is not at ready state: instance 'm_0_0' hangs",
    );
    await new Promise((resolve) => setTimeout(resolve));
    for (const version of ["", "1", "01"]) assert.throws(() => repository.find("m", version), lost);
    assert.equal(repository.allReady(), false);
    const [m, twice] = repository.index();
    const reason = "Unavailable: instance 'm_0_0' hangs";
    assert.deepEqual(m, { name: "m", version: 1, state: "UNAVAILABLE", reason });
    assert.equal(twice.state, "UNAVAILABLE");
    assert.throws(() => repository.find("twice", ""), isStatus("NOT_FOUND", /'twice' has no available versions/));
    assert.ok(log.lines.includes(`E 'm' version 1 is no longer served: ${reason}`), log.lines.join("\n"));

    await repository.load("m");
    assert.deepEqual((await inferOnce(repository.find("twice", ""), vector(1))).outputs[0].shape, [1]);
    assert.equal(repository.allReady(), true);
    lose(new Status("UNAVAILABLE", "again"));
    await new Promise((resolve) => setTimeout(resolve));
    await repository.unload("m");
    assert.throws(() => repository.find("m", ""), isStatus("NOT_FOUND", /'m' has no available versions/));
    assert.equal(repository.allReady(), true);
    await repository.close(1000);
  });
});
