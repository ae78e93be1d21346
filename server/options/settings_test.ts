import { deepEqual, equal, throws } from "node:assert/strict";
import {
  backendConfig,
  cacheConfig,
  metricsConfig,
  perDevice,
  rateLimitResource,
  restricted,
  type Settings,
  settingsOf,
  traceConfig,
} from "./settings.ts";

const none: Settings = new Map();

Deno.test("backendConfig gives global settings to every backend when its own do not say otherwise", () => {
  let settings = backendConfig.parse("a=1", none, "");
  settings = backendConfig.parse(",b=1", settings, "");
  settings = backendConfig.parse("onnxruntime,b=2", settings, "");
  settings = backendConfig.parse("onnxruntime,c=x=y", settings, "");
  deepEqual([...settingsOf(settings, "onnxruntime")], [["a", "1"], ["b", "2"], ["c", "x=y"]]);
  deepEqual([...settingsOf(settings, "identity")], [["a", "1"], ["b", "1"]]);
});

Deno.test("backendConfig refuses a setting when a part is missing", () => {
  for (const text of ["foo", "foo,bar", "foo,=1", "foo,a="]) {
    throws(() => backendConfig.parse(text, none, ""), /format is/);
  }
  throws(() => backendConfig.parse(",foo", none, ""), /^Status: No backend specified/);
});

Deno.test("cacheConfig hides passwords when it is shown", () => {
  const settings = cacheConfig.parse("redis,password=secret", none, "");
  equal(cacheConfig.show(settings), "redis,password=…");
  throws(() => cacheConfig.parse("local", none, ""), /No cache specified/);
  throws(() => cacheConfig.parse("local,size", none, ""), /format is/);
});

Deno.test("metricsConfig keeps commas when they are in the value", () => {
  const settings = metricsConfig.parse("summary_quantiles=0.5:0.05,0.9:0.01", none, "");
  equal(settings.get("")?.get("summary_quantiles"), "0.5:0.05,0.9:0.01");
  throws(() => metricsConfig.parse("foo=", none, ""), /format is/);
});

Deno.test("traceConfig checks levels, modes and numbers when given them", () => {
  throws(() => traceConfig.parse("level=FOO", none, ""), /invalid value for trace level option: foo/);
  throws(() => traceConfig.parse("mode=foo", none, ""), /invalid value for trace mode option: foo. Available/);
  throws(() => traceConfig.parse("foo,file=x", none, ""), /invalid value for trace mode option: foo/);
  throws(() => traceConfig.parse("rate=abc", none, ""), /Invalid option value. Got abc/);
  throws(() => traceConfig.parse("foo", none, ""), /option format is/);
  const file = traceConfig.parse("triton,file=/t.json", traceConfig.parse("level=TIMESTAMPS", none, ""), "");
  equal(traceConfig.show(file), "level=TIMESTAMPS\ntriton,file=/t.json");
});

Deno.test("rateLimitResource reads a count and a device when given them", () => {
  deepEqual(rateLimitResource.parse("R:3:1", [], ""), [{ name: "R", count: 3, device: 1 }]);
  throws(() => rateLimitResource.parse("R1", [], ""), /option format is/);
});

Deno.test("perDevice refuses a value when it has no device", () => {
  deepEqual([...perDevice.parse("0:0.5", new Map(), "x")], [[0, 0.5]]);
  throws(() => perDevice.parse("0.5", new Map(), "model-load-gpu-limit"), /--model-load-gpu-limit option format/);
});

Deno.test("restricted() refuses a category when it is unknown or given twice, and hides the secret", () => {
  const type = restricted("api");
  const restrictions = type.parse("health,trace:key=secret", new Map(), "http-restricted-api");
  equal(type.show(restrictions), "health:key=…\ntrace:key=…");
  throws(() => type.parse("health:k=v", restrictions, "http-restricted-api"), /can not be specified in multiple/);
  throws(() => type.parse("foo:k=v", new Map(), "http-restricted-api"), /unknown restricted api 'foo'/);
  throws(() => type.parse("health:k", new Map(), "http-restricted-api"), /Got health:k/);
});
