import assert from "node:assert/strict";
import { RateLimiter } from "../scheduler/rate_limiter/rate_limiter.ts";
import { onRequest } from "./source.ts";
import { identityConfig, inferOnce, repositoryOf, vector, withFiles } from "./testing/repository_fixture.ts";

/** An identity model that takes 20 ms, with instance groups. */
const slow = (...groups: string[]) =>
  identityConfig(
    'parameters { key: "execute_delay_ms" value { string_value: "20" } } ' +
      groups.map((group) => `instance_group { kind: KIND_CPU ${group} }`).join(" "),
  );
const limit = (count: number, more = "") => `rate_limiter { resources { name: "R" count: ${count} ${more} } }`;

/** How many instances of the models execute at most while `requests` are sent to each. */
async function mostAtOnce(files: Record<string, string>, limiter: RateLimiter | undefined, requests = 3) {
  let most = 0;
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { rateLimiter: limiter });
    await repository.start();
    assert.deepEqual(repository.failures(), []);
    const models = repository.readyModels();
    const look = () => {
      const executing = models.reduce((sum, { scheduler }) => sum + scheduler.inFlight - scheduler.pending, 0);
      most = Math.max(most, executing);
    };
    const answers = models.flatMap((model) => Array.from({ length: requests }, () => inferOnce(model, vector(1))));
    look();
    await Promise.all(answers.map((answer) => answer.then(look)));
    await repository.close(1000);
  });
  return most;
}

Deno.test("models share what resources there are, and only with a rate limiter", async () => {
  const files = {
    "a/config.pbtxt": slow(`count: 2 ${limit(1)}`),
    "a/1/": "",
    "b/config.pbtxt": slow(`count: 2 ${limit(1)}`),
    "b/1/": "",
  };
  assert.equal(await mostAtOnce(files, new RateLimiter()), 1);
  assert.equal(await mostAtOnce(files, new RateLimiter([{ name: "R", count: 3 }])), 3);
  assert.equal(await mostAtOnce(files, undefined), 4);
});

Deno.test("instances of several groups all execute, but for passive ones", async () => {
  const files = { "m/config.pbtxt": slow("count: 2", "count: 3 passive: true", "count: 1"), "m/1/": "" };
  assert.equal(await mostAtOnce(files, undefined, 6), 3);
});

Deno.test("a model that asks for more than there is fails to load, and others are served", async () => {
  const files = { "m/config.pbtxt": slow(limit(4)), "m/1/": "", "n/config.pbtxt": slow(limit(2)), "n/1/": "" };
  await withFiles(files, async (root) => {
    const rateLimiter = new RateLimiter([{ name: "R", count: 2 }]);
    const { repository } = repositoryOf(root, { rateLimiter });
    await repository.start();
    assert.match(
      repository.failures()[0].reason!,
      /^Invalid argument: Resource count for "R" is limited to 2 which will prevent scheduling of one or more model instances, the minimum required count is 4: instance group 'm_0'/,
    );
    assert.equal(repository.failures().length, 1);
    await inferOnce(repository.find("n", ""), vector(1));
    await repository.close(1000);
  });
});

Deno.test("an unloaded model takes its resources along", async () => {
  const files = {
    "m/config.pbtxt": slow(limit(1)),
    "m/1/": "",
    "n/config.pbtxt": slow(limit(1, "global: true")),
    "n/1/": "",
  };
  await withFiles(files, async (root) => {
    const { repository } = repositoryOf(root, { rateLimiter: new RateLimiter(), source: onRequest(["m"]) });
    await repository.start();
    await assert.rejects(repository.load("n"), /Resource "R" is present as both global and device-specific resource/);
    await repository.unload("m");
    await repository.load("n");
    await inferOnce(repository.find("n", ""), vector(1));
    await repository.close(1000);
  });
});
