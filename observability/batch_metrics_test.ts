import { equal, ok } from "node:assert/strict";
import { renderBatchMetrics } from "./batch_metrics.ts";
import { renderMetrics } from "./metrics.ts";
import { ModelStatistics } from "./statistics.ts";

const phases = { inputMs: 0, inferMs: 1, outputMs: 0 };

Deno.test("renderBatchMetrics() is empty when no model forms batches", () => {
  const statistics = new ModelStatistics();
  statistics.executed(1, phases);
  equal(renderBatchMetrics([{ labels: { model: "m" }, statistics }]), "");
});

Deno.test("renderMetrics() has a histogram of batch sizes and the reasons when a model formed batches", async () => {
  const statistics = new ModelStatistics();
  for (const size of [1, 3, 3, 8, 2000]) statistics.executed(size, phases);
  statistics.batchClosed("full");
  statistics.batchClosed("full");
  statistics.batchClosed("delay");
  const model = { name: "m", version: 1, statistics, pending: 0, tags: { t: 'a"b' } };
  const lines = (await renderMetrics([model], undefined, { counterLatencies: true })).split("\n");
  const own = '_t="a\\"b",';
  for (
    const line of [
      "# TYPE triton_ts_batch_size histogram",
      `triton_ts_batch_size_bucket{${own}le="1",model="m",version="1"} 1`,
      `triton_ts_batch_size_bucket{${own}le="2",model="m",version="1"} 1`,
      `triton_ts_batch_size_bucket{${own}le="4",model="m",version="1"} 3`,
      `triton_ts_batch_size_bucket{${own}le="8",model="m",version="1"} 4`,
      `triton_ts_batch_size_bucket{${own}le="+Inf",model="m",version="1"} 5`,
      `triton_ts_batch_size_sum{${own}model="m",version="1"} 2015`,
      `triton_ts_batch_size_count{${own}model="m",version="1"} 5`,
      "# TYPE triton_ts_batch_close_total counter",
      `triton_ts_batch_close_total{${own}model="m",reason="full",version="1"} 2`,
      `triton_ts_batch_close_total{${own}model="m",reason="delay",version="1"} 1`,
      `triton_ts_batch_close_total{${own}model="m",reason="shape",version="1"} 0`,
    ]
  ) ok(lines.includes(line), `${line}\nis not in\n${lines.join("\n")}`);
});
