import { equal, match, ok } from "node:assert/strict";
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
