import { deepEqual, equal, match, ok } from "node:assert/strict";
import { CacheStatistics } from "./cache_statistics.ts";
import { type MeasuredModel, renderMetrics } from "./metrics.ts";
import { ModelStatistics } from "./statistics.ts";
import { SystemUsage } from "./system_usage.ts";

const phases = { inputMs: 0.1, inferMs: 0.2, outputMs: 0.3 };
const choice = { counterLatencies: true };

function measured(name: string, more: Partial<MeasuredModel> = {}): MeasuredModel {
  return { name, version: 1, statistics: new ModelStatistics(), pending: 0, ...more };
}

Deno.test("renderMetrics() counts what the statistics counted when there were requests", async () => {
  const model = measured("m", { pending: 3, loadSeconds: 1.5 });
  model.statistics.requestSucceeded(4, 2, 1, phases);
  model.statistics.executed(4, phases);
  model.statistics.requestFailed(1, "REJECTED");
  const lines = (await renderMetrics([model], undefined, choice)).split("\n");
  for (
    const line of [
      "# TYPE nv_inference_request_success counter",
      'nv_inference_request_success{model="m",version="1"} 1',
      'nv_inference_request_failure{model="m",reason="REJECTED",version="1"} 1',
      'nv_inference_request_failure{model="m",reason="CANCELED",version="1"} 0',
      'nv_inference_count{model="m",version="1"} 4',
      'nv_inference_exec_count{model="m",version="1"} 1',
      'nv_inference_request_duration_us{model="m",version="1"} 2000',
      'nv_inference_queue_duration_us{model="m",version="1"} 1000',
      'nv_inference_compute_input_duration_us{model="m",version="1"} 100',
      'nv_inference_compute_infer_duration_us{model="m",version="1"} 200',
      'nv_inference_compute_output_duration_us{model="m",version="1"} 300',
      "# TYPE nv_inference_pending_request_count gauge",
      'nv_inference_pending_request_count{model="m",version="1"} 3',
      'nv_model_load_duration_secs{model="m",version="1"} 1.5',
    ]
  ) ok(lines.includes(line), `${line}\nis not in\n${lines.join("\n")}`);
});

Deno.test("renderMetrics() shows what backends count for themselves", async () => {
  const counters = (value: number) => ({ counters: [{ name: "bytes_seen", help: "Bytes", value }] });
  const text = await renderMetrics(
    [measured("a", counters(7)), measured("b"), measured("c", counters(0))],
    undefined,
    choice,
  );
  const lines = text.split("\n").filter((line) => line.includes("bytes_seen"));
  deepEqual(lines, [
    "# HELP bytes_seen Bytes",
    "# TYPE bytes_seen counter",
    'bytes_seen{model="a",version="1"} 7',
    'bytes_seen{model="c",version="1"} 0',
  ]);
});

Deno.test("renderMetrics() sorts labels and escapes their values when a model has tags", async () => {
  const text = await renderMetrics(
    [measured("plain"), measured("m", { tags: { team: 'a "b"', "x-y": "1" } })],
    undefined,
    choice,
  );
  ok(text.includes('nv_inference_count{_team="a \\"b\\"",_x_y="1",model="m",version="1"} 0\n'), text);
  ok(text.includes('nv_inference_count{model="plain",version="1"} 0\n'), text);
});

Deno.test("renderMetrics() has the families without series when there are no models", async () => {
  match(await renderMetrics([], undefined, choice), /^# TYPE nv_inference_request_success counter$/m);
});

Deno.test("renderMetrics() leaves out the counters of time when told to", async () => {
  const text = await renderMetrics([measured("m")], undefined, { counterLatencies: false });
  ok(!text.includes("duration_us") && text.includes("nv_inference_count"), text);
});

Deno.test("renderMetrics() counts hits and misses of the models whose responses are cached", async () => {
  const model = measured("m", { cached: true });
  model.statistics.requestServedFromCache(3, 1, 0.5);
  model.statistics.cacheMiss.add(0.25);
  const text = await renderMetrics([model, measured("other")], undefined, choice);
  for (
    const line of [
      'nv_inference_request_success{model="m",version="1"} 1',
      'nv_inference_count{model="m",version="1"} 0',
      'nv_inference_queue_duration_us{model="m",version="1"} 1000',
      'nv_cache_num_hits_per_model{model="m",version="1"} 1',
      'nv_cache_hit_duration_per_model{model="m",version="1"} 500',
      'nv_cache_num_misses_per_model{model="m",version="1"} 1',
      'nv_cache_miss_duration_per_model{model="m",version="1"} 250',
    ]
  ) ok(text.includes(`${line}\n`), `${line}\nis not in\n${text}`);
  ok(!/nv_cache.*other/.test(text), text);
  ok(!text.includes("nv_cache_util"), text);
  ok(!(await renderMetrics([measured("other")], undefined, choice)).includes("nv_cache"));
});

Deno.test("renderMetrics() shows the response cache when given one", async () => {
  const cache = Object.assign(new CacheStatistics(), {
    entries: 2,
    utilization: 0.5,
    hits: 3,
    misses: 4,
    evictions: 1,
  });
  cache.lookup.add(0.1, 7);
  cache.insertion.add(0.2);
  const text = await renderMetrics([], undefined, choice, cache);
  const values = [...text.matchAll(/^nv_cache_(\w+) (\S+)$/gm)].map(([, name, value]) => `${name} ${value}`);
  deepEqual(values, [
    "util 0.5",
    "num_entries 2",
    "num_hits 3",
    "num_misses 4",
    "num_lookups 7",
    "num_evictions 1",
    "lookup_duration 700",
    "insertion_duration 200",
  ]);
});

Deno.test("renderMetrics() shows the machine when given one", async () => {
  const system = new SystemUsage(1, () => 0, () => ({ idle: 0, total: 0 }), () => ({ total: 100, available: 40 }));
  const text = await renderMetrics([], system, choice);
  match(text, /^nv_cpu_utilization 0$/m);
  match(text, /^nv_cpu_memory_total_bytes 100$/m);
  match(text, /^nv_cpu_memory_used_bytes 60$/m);
});

Deno.test("SystemUsage.read() averages over at least the interval when read", () => {
  let now = 0;
  let times = { idle: 100, total: 200 };
  const usage = new SystemUsage(1000, () => now, () => times, () => ({ total: 1, available: 1 }));
  equal(usage.read().utilization, 0);
  now = 500;
  times = { idle: 100, total: 300 };
  equal(usage.read().utilization, 0);
  now = 1000;
  times = { idle: 125, total: 300 };
  equal(usage.read().utilization, 0.75);
  now = 1500;
  times = { idle: 200, total: 400 };
  equal(usage.read().utilization, 0.75);
});
