/** The response cache in a real Redis server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Log } from "../../observability/log.ts";
import { RedisCache } from "../../scheduler/cache/redis_cache.ts";
import type { CachedResponse } from "../../scheduler/cache/response_cache.ts";
import { available } from "../setup/missing.ts";
import { redisVersion } from "../setup/redis.ts";
import { infer, int32, numbers } from "../support/infer.ts";
import { needing } from "../support/needing.ts";
import { run } from "../support/process.ts";
import { TestRedis } from "../support/redis.ts";
import { ROOT } from "../support/paths.ts";
import { TestServer } from "../support/server.ts";

const { missing } = await available(redisVersion());
const test = (title: string, fn: () => Promise<void>) => Deno.test({ ...needing(title, missing), fn });

const RESPONSE: CachedResponse = {
  outputs: [{ name: "O", datatype: "INT32", shape: [2], data: new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0]) }],
  parameters: new Map([["p", "ä"]]),
};

class Lines implements Log {
  readonly lines: string[] = [];
  verbose() {}
  info(message: string): void {
    this.lines.push(message);
  }
  warning(message: string): void {
    this.lines.push(message);
  }
  error(message: string): void {
    this.lines.push(message);
  }
}

async function connect(port: number, more: { password?: string } = {}) {
  const log = new Lines();
  const settings = { host: "127.0.0.1", port, db: 0, connectTimeoutMs: 1000, socketTimeoutMs: 100, ...more };
  const cache = await RedisCache.connect(settings, log);
  return { cache, lines: log.lines, [Symbol.asyncDispose]: () => cache.close() };
}

/** Tries until it is so, for ten seconds. */
async function eventually(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within 10 s: ${what}`);
}

test("RedisCache gives back what was inserted, to every server that uses the same Redis", async () => {
  await using redis = await TestRedis.start();
  await using one = await connect(redis.port);
  await using two = await connect(redis.port);
  assert.equal(await one.cache.lookup("a"), undefined);
  assert.equal(one.cache.insert("a", RESPONSE), "kept");
  await eventually("the response is there", async () => await two.cache.lookup("a") !== undefined);
  assert.deepEqual(await two.cache.lookup("a"), RESPONSE);
  assert.deepEqual([...one.lines, ...two.lines], []);
});

test("RedisCache misses at once while Redis is gone, says so once, and goes on when it is back", async () => {
  await using redis = await TestRedis.start();
  await using user = await connect(redis.port);
  await redis.stop();
  await eventually("the loss is noticed", () => user.lines.length > 0);
  for (let i = 0; i < 20; i++) {
    assert.equal(user.cache.lookup("a"), undefined);
    assert.equal(user.cache.insert("a", RESPONSE), "skipped");
  }
  await redis.begin();
  await eventually("the connection is back", () => user.lines.length > 1);
  assert.equal(user.lines.length, 2, user.lines.join("\n"));
  assert.match(user.lines[0], /^The response cache in Redis at 127\.0\.0\.1:\d+ cannot be used: .* go on without$/);
  assert.match(user.lines[1], /is in use again$/);
  user.cache.insert("a", RESPONSE);
  await eventually("it keeps responses again", async () => await user.cache.lookup("a") !== undefined);
});

test("RedisCache lets no request wait for a Redis that hangs", async () => {
  await using redis = await TestRedis.start();
  await using user = await connect(redis.port);
  redis.signal("SIGSTOP");
  assert.equal(await user.cache.lookup("a"), undefined);
  assert.match(user.lines[0], /no answer within 100 ms/);
  assert.equal(user.cache.lookup("a"), undefined, "left alone for a while");
  redis.signal("SIGCONT");
  await eventually("it is asked again", async () => {
    await user.cache.lookup("a");
    return user.lines.length > 1;
  });
  assert.match(user.lines[1], /is in use again$/);
});

test("RedisCache.connect() waits in the background for a Redis that is not there", async () => {
  await using redis = await TestRedis.start();
  await redis.stop();
  await using user = await connect(redis.port);
  assert.equal(user.cache.lookup("a"), undefined);
  assert.match(user.lines[0], /cannot be used: .*ECONNREFUSED/);
  await redis.begin();
  await eventually("the connection is made", () => user.lines.length > 1);
});

test("RedisCache.connect() refuses when Redis does, and says why", async () => {
  await using redis = await TestRedis.start("secret");
  await assert.rejects(connect(redis.port), /Failed to initialize RedisCache: .*NOAUTH/);
  await assert.rejects(connect(redis.port, { password: "wrong" }), /WRONGPASS.*TRITONCACHE_REDIS_PASSWORD/);
  await using user = await connect(redis.port, { password: "secret" });
  assert.equal(await user.cache.lookup("a"), undefined);
});

async function withRepository(work: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(root, "cached", "1"), { recursive: true });
    await Deno.writeTextFile(
      join(root, "cached", "config.pbtxt"),
      `backend: "identity" response_cache { enable: true }
       input { name: "IN" data_type: TYPE_INT32 dims: -1 } output { name: "OUT" data_type: TYPE_INT32 dims: -1 }`,
    );
    await work(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function statistics(server: TestServer) {
  const answer = await fetch(`${server.http}/v2/models/cached/stats`);
  const { inference_stats: { cache_hit, cache_miss }, execution_count } = (await answer.json()).model_stats[0];
  return { hits: cache_hit.count, misses: cache_miss.count, executions: execution_count };
}

async function send(server: TestServer): Promise<number[]> {
  const outputs = await infer(server.http, "cached", [int32("IN", [3], [1, 2, 3])]);
  return [...numbers(outputs.get("OUT")!)];
}

test("the server finds in Redis what a server before it has computed, and serves on when Redis is gone", async () => {
  await using redis = await TestRedis.start("secret");
  await withRepository(async (root) => {
    const env = { TRITONCACHE_REDIS_PASSWORD: "secret" };
    const options = { repositories: [root], args: redis.options, env };
    {
      await using server = await TestServer.start(options);
      assert.deepEqual(await send(server), [1, 2, 3]);
      await eventually("the response is in the cache", async () => {
        await send(server);
        return (await statistics(server)).hits > 0;
      });
    }
    await using server = await TestServer.start(options);
    assert.deepEqual(await send(server), [1, 2, 3]);
    assert.deepEqual(await statistics(server), { hits: 1, misses: 0, executions: 0 });
    const metrics = await (await fetch(`http://127.0.0.1:${server.metricsPort}/metrics`)).text();
    assert.match(metrics, /^nv_cache_num_hits_per_model\{model="cached",version="1"\} 1$/m);
    assert.doesNotMatch(metrics, /^nv_cache_util/m);

    await redis.stop();
    assert.deepEqual(await send(server), [1, 2, 3]);
    await eventually(
      "the loss is in the log",
      () => /The response cache in Redis at .* cannot be used/.test(server.log),
    );
    assert.deepEqual(await send(server), [1, 2, 3]);
  });
});

test("the server does not start when Redis refuses its password, and does not show it", async () => {
  await using redis = await TestRedis.start("secret");
  await withRepository(async (root) => {
    const command = [Deno.execPath(), "run", "-A", "--no-check", `${ROOT}/main.ts`, `--model-repository=${root}`];
    const ports = ["--http-port=0", "--grpc-port=0", "--metrics-port=0"];
    const outcome = await run([...command, ...ports, ...redis.options, "--cache-config=redis,password=wrong-word"]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /error: creating server: Internal - Failed to initialize RedisCache: .*WRONGPASS/);
    assert.doesNotMatch(outcome.stderr + outcome.stdout, /wrong-word/);
  });
});
