import assert from "node:assert/strict";
import { join } from "node:path";
import type { Backend, LoadedModel } from "../backends/backend.ts";
import { identityBackend } from "../backends/identity/mod.ts";
import { Status, type StatusCode } from "../core/status.ts";
import type { RepositoryEvent } from "./repository_event.ts";
import { identityConfig, inferOnce, isStatus, repositoryOf, vector, withFiles } from "./testing/repository_fixture.ts";

Deno.test("start() serves every model that it finds and ignores files beside them", async () => {
  const files = {
    "b/config.pbtxt": identityConfig(),
    "b/1/": "",
    "a/config.pbtxt": identityConfig("max_batch_size: 4"),
    "a/3/": "",
    "README.md": "not a model",
    ".git/config": "nor this",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.deepEqual(repository.index(), [
      { name: "a", version: 3, state: "READY", device: "CPU", note: "" },
      { name: "b", version: 1, state: "READY", device: "CPU", note: "" },
    ]);
    assert.equal(repository.allReady(), true);
    assert.deepEqual(repository.failures(), []);
    const model = repository.find("a", "");
    assert.deepEqual(model.inputs, [{ name: "IN", datatype: "FP32", shape: [-1, -1] }]);
    const { outputs } = await inferOnce(repository.find("b", "1"), vector(1, 2));
    assert.deepEqual(outputs, [{ ...vector(1, 2), name: "OUT" }]);
    assert.equal(await repository.close(1000), true);
  });
});

Deno.test("start() fails for a repository that does not exist", async () => {
  const { repository } = repositoryOf("/nonexistent/models");
  await assert.rejects(
    repository.start(),
    isStatus("INTERNAL", /^failed to stat file \/nonexistent\/models: the model repository must be/),
  );
});

Deno.test("start() keeps the reasons of models that fail, and serves the others", async () => {
  const files = {
    "badtext/config.pbtxt": "backend: [",
    "badtext/1/": "",
    "badlabels/config.pbtxt": identityConfig().replace('name: "OUT"', 'name: "OUT" label_filename: "none.txt"'),
    "badlabels/1/": "",
    "nobackend/config.pbtxt": identityConfig().replace("identity", "fortran"),
    "nobackend/1/": "",
    "noversion/config.pbtxt": identityConfig(),
    "empty/": "",
    "good/config.pbtxt": identityConfig(),
    "good/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository, log } = repositoryOf(root);
    await repository.start();
    const index = new Map(repository.index().map((entry) => [entry.name, entry]));
    assert.equal(index.get("good")?.state, "READY");
    assert.match(index.get("badtext")!.reason!, /config\.pbtxt:1:10: /);
    assert.equal(index.get("badtext")!.version, undefined);
    assert.match(index.get("empty")!.reason!, /^Invalid model name: Could not determine backend for model 'empty'/);
    assert.deepEqual(index.get("noversion"), {
      name: "noversion",
      state: "UNAVAILABLE",
      reason: "at least one version must be available under the version policy of model 'noversion'",
    });
    assert.deepEqual(index.get("badlabels"), {
      name: "badlabels",
      version: 1,
      state: "UNAVAILABLE",
      reason: `Internal: failed to open text file for read ${join(root, "badlabels", "none.txt")}: ` +
        "No such file or directory",
    });
    assert.match(
      index.get("nobackend")!.reason!,
      /^Invalid argument: unable to find backend library for backend 'fortran', try specifying runtime on the model configuration\. This server has the backends identity$/,
    );
    assert.equal(repository.allReady(), false);
    assert.deepEqual(repository.failures().map(({ name }) => name), [
      "badlabels",
      "badtext",
      "empty",
      "nobackend",
      "noversion",
    ]);
    assert.ok(log.lines.some((line) => line.startsWith("E Poll failed for model directory 'badtext': ")));
    assert.ok(log.lines.some((line) => line.startsWith("E failed to load 'nobackend' version 1: Invalid argument: ")));
    await repository.close(1000);
  });
});

Deno.test("allReady() does not count models without versions, as Triton", async () => {
  await withFiles({ "bad/config.pbtxt": "nope: 1", "ok/config.pbtxt": identityConfig(), "ok/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.equal(repository.allReady(), true);
    await repository.close(1000);
  });
});

Deno.test("start() refuses a name that two repositories have, and takes the same repository twice for one", async () => {
  const files = { "1/dup/config.pbtxt": identityConfig(), "1/dup/1/": "", "2/dup/config.pbtxt": identityConfig() };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { roots: [join(root, "1"), join(root, "2")] });
    await repository.start();
    assert.deepEqual(repository.index(), [
      { name: "dup", state: "UNAVAILABLE", reason: "model appears in two or more repositories" },
    ]);
    const { repository: same } = repositoryOf(root, { roots: [join(root, "1"), join(root, "1", ".")] });
    await same.start();
    assert.equal(same.find("dup", "").version, 1);
    await same.close(1000);
  });
});

Deno.test("find() tells apart what is unknown, absent and not ready", async () => {
  const files = {
    "multi/config.pbtxt": identityConfig("version_policy { all {} }"),
    "multi/1/": "",
    "multi/12/": "",
    "multi/3/": "",
    "broken/config.pbtxt": identityConfig('parameters { key: "execute_delay_ms" value { string_value: "soon" } }'),
    "broken/1/": "",
    "badtext/config.pbtxt": "{",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root);
    await repository.start();
    assert.equal(repository.find("multi", "").version, 12);
    assert.equal(repository.find("multi", "3").version, 3);
    assert.equal(repository.find("multi", "01").version, 1);
    assert.deepEqual(repository.readyVersions("multi").map(({ version }) => version), [1, 3, 12]);
    const refuses = (name: string, version: string, code: StatusCode, message: string | RegExp) =>
      assert.throws(() => repository.find(name, version), isStatus(code, message));
    const unknown = "Request for unknown model: ";
    refuses("nothing", "", "NOT_FOUND", `${unknown}'nothing' is not found`);
    refuses("nothing", "7", "NOT_FOUND", `${unknown}'nothing' is not found`);
    refuses("mulit", "", "NOT_FOUND", `${unknown}'mulit' is not found`);
    refuses("multi2", "", "NOT_FOUND", `${unknown}'multi2' is not found. Did you mean 'multi'?`);
    refuses("badtext", "", "NOT_FOUND", /^Request for unknown model: 'badtext' is not found\. .*config\.pbtxt:1:1: /);
    refuses("multi", "7", "NOT_FOUND", `${unknown}'multi' version 7 is not found`);
    refuses("multi", "0", "NOT_FOUND", `${unknown}'multi' version 0 is not found`);
    refuses("broken", "1", "UNAVAILABLE", `${unknown}'broken' version 1 is not at ready state`);
    refuses("broken", "", "NOT_FOUND", `${unknown}'broken' has no available versions`);
    const text = (version: string) =>
      `failed to get model version from specified version string '${version}' (details: stol), version should be an ` +
      `integral value > 0`;
    refuses("multi", "abc", "INVALID_ARGUMENT", text("abc"));
    refuses("multi", "99999999999999999999", "INVALID_ARGUMENT", text("99999999999999999999"));
    refuses(
      "multi",
      "-1",
      "INVALID_ARGUMENT",
      "invalid model version specified '-1' , version should be an integral value > 0",
    );
    await repository.close(1000);
  });
});

Deno.test("start() undoes all versions of a model when one fails, as Triton", async () => {
  const unloaded: number[] = [];
  const backend: Backend = {
    name: "identity",
    async load(source, context): Promise<LoadedModel> {
      if (source.version === 2) throw new Status("INVALID_ARGUMENT", "no");
      const loaded = await identityBackend.load(source, context);
      return { ...loaded, unload: () => Promise.resolve(void unloaded.push(source.version)) };
    },
  };
  const files = { "m/config.pbtxt": identityConfig("version_policy { all {} }"), "m/1/": "", "m/2/": "", "m/3/": "" };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { backend });
    await repository.start();
    assert.deepEqual(repository.index(), [
      { name: "m", version: 1, state: "UNAVAILABLE", reason: "unloaded" },
      { name: "m", version: 2, state: "UNAVAILABLE", reason: "Invalid argument: no" },
      { name: "m", version: 3, state: "UNAVAILABLE", reason: "unloaded" },
    ]);
    assert.deepEqual(unloaded.sort(), [1, 3]);
    assert.equal(repository.allReady(), false);
  });
});

Deno.test("start() tries a failed version again as often as it is told", async () => {
  let attempts = 0;
  const backend: Backend = {
    name: "identity",
    load(source, context) {
      attempts++;
      if (attempts < 3) throw new Error("not yet");
      return identityBackend.load(source, context);
    },
  };
  await withFiles({ "m/config.pbtxt": identityConfig(), "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root, { backend, loadRetries: 2 });
    await repository.start();
    assert.equal(repository.index()[0].state, "READY");
    assert.equal(attempts, 3);
    await repository.close(1000);
  });
});

Deno.test("start() has the backend complete a configuration, unless that is switched off", async () => {
  const backend: Backend = {
    name: "onnxruntime",
    complete({ config, version }) {
      assert.equal(version, 2);
      config.maxBatchSize = 4;
      config.schedulingChoice = {
        case: "dynamicBatching",
        value: {
          $typeName: "inference.ModelDynamicBatching",
          preferredBatchSize: [],
          maxQueueDelayMicroseconds: 0n,
          preserveOrdering: false,
          priorityLevels: 0n,
          defaultPriorityLevel: 0n,
          priorityQueuePolicy: {},
        },
      };
      return Promise.resolve();
    },
    load: (source, context) => identityBackend.load(source, context),
  };
  await withFiles({ "m/1/model.onnx": "", "m/2/model.onnx": "" }, async (root) => {
    const { repository } = repositoryOf(root, { backend });
    await repository.start();
    const { config } = repository.find("m", "");
    assert.equal(config.maxBatchSize, 4);
    assert.equal(config.platform, "onnxruntime_onnx");
    assert.ok(config.schedulingChoice.case === "dynamicBatching");
    assert.deepEqual(config.schedulingChoice.value.preferredBatchSize, [4]);
    assert.deepEqual(config.instanceGroup.map(({ name, count }) => [name, count]), [["m", 2]]);
    await repository.close(1000);

    const { repository: strict } = repositoryOf(root, { backend, autoComplete: false });
    await strict.start();
    assert.match(strict.index()[0].reason!, /^failed to open text file for read .*m.config\.pbtxt: No such file/);
  });
});

Deno.test("start() reads the configuration that --model-config-name names, where a model has it", async () => {
  const files = {
    "a/config.pbtxt": identityConfig("max_batch_size: 1"),
    "a/configs/big.pbtxt": identityConfig("max_batch_size: 64"),
    "a/1/": "",
    "b/config.pbtxt": identityConfig("max_batch_size: 2"),
    "b/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository, log } = repositoryOf(root, { configName: "big" });
    await repository.start();
    assert.deepEqual(repository.readyModels().map(({ config }) => config.maxBatchSize), [64, 2]);
    assert.deepEqual(log.lines.filter((line) => line.startsWith("W")), []);
    await repository.close(1000);
  });
});

Deno.test("subscribe() hears every step of a version", async () => {
  await withFiles({ "m/config.pbtxt": identityConfig(), "m/1/": "" }, async (root) => {
    const { repository } = repositoryOf(root);
    const events: RepositoryEvent[] = [];
    repository.subscribe((event) => events.push(event));
    await repository.start();
    await repository.close(1000);
    assert.deepEqual(events, [
      { name: "m", version: 1, state: "LOADING" },
      { name: "m", version: 1, state: "READY", device: "CPU", note: "" },
      { name: "m", version: 1, state: "UNLOADING" },
      { name: "m", version: 1, state: "UNAVAILABLE", reason: "unloaded" },
    ]);
  });
});

for (const moved of [true, false]) {
  Deno.test(`start() ${moved ? "warns that" : "notes how"} a model runs ${moved ? "elsewhere" : "where it was asked to"}`, async () => {
    const backend: Backend = {
      name: "identity",
      load: async (source, context) => {
        const loaded = await identityBackend.load(source, context);
        return { ...loaded, note: "51 operators are not on the GPU", moved };
      },
    };
    await withFiles({ "m/config.pbtxt": identityConfig(), "m/1/": "" }, async (root) => {
      const { repository, log } = repositoryOf(root, { backend });
      await repository.start();
      assert.deepEqual(
        log.lines.filter((line) => line.includes("51")),
        [`${moved ? "W" : "I"} m: 51 operators are not on the GPU`],
      );
      await repository.close(1000);
    });
  });
}
