import assert from "node:assert/strict";
import { readRedisSettings } from "./redis_settings.ts";

const none = () => undefined;
const read = (settings: Record<string, string>, environment: (name: string) => string | undefined = none) =>
  readRedisSettings(new Map(Object.entries(settings)), environment);

Deno.test("readRedisSettings() reads Triton's names and fills in the rest", () => {
  assert.deepEqual(read({ host: "h", port: "6379" }), {
    host: "h",
    port: 6379,
    user: undefined,
    password: undefined,
    db: 0,
    connectTimeoutMs: 5000,
    socketTimeoutMs: 100,
  });
  const all = { host: "h", port: "1", user: "u", password: "p", db: "3", connect_timeout: "7", socket_timeout: "8" };
  assert.deepEqual(read({ ...all, pool_size: "2", wait_timeout: "9" }), {
    host: "h",
    port: 1,
    user: "u",
    password: "p",
    db: 3,
    connectTimeoutMs: 7,
    socketTimeoutMs: 8,
  });
});

Deno.test("readRedisSettings() takes user and password from the environment, unless they are written", () => {
  const environment = (name: string) => `${name}'s`;
  const { user, password } = read({ host: "h", port: "1", user: "u" }, environment);
  assert.deepEqual([user, password], ["u", "TRITONCACHE_REDIS_PASSWORD's"]);
  assert.equal(read({ host: "h", port: "1" }, environment).user, "TRITONCACHE_REDIS_USERNAME's");
});

Deno.test("readRedisSettings() refuses what cannot be", () => {
  assert.throws(() => read({ port: "1" }), /Must at a minimum specify host and port, and host is missing/);
  assert.throws(() => read({ host: "h" }), /and port is missing/);
  assert.throws(() => read({ host: "h", port: "redis" }), /port is 'redis', expected a whole number from 1 to 65535/);
  assert.throws(() => read({ host: "h", port: "1", db: "-1" }), /db is '-1'/);
  assert.throws(() => read({ host: "h", port: "1", hots: "x" }), /there is no setting 'hots'; there are host, port/);
});
