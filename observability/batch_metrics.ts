import { CLOSE_REASONS, type ModelStatistics } from "./statistics.ts";

/** A model version whose batches are measured. */
export interface MeasuredBatches {
  /** In the order in which they are written. */
  readonly labels: Readonly<Record<string, string>>;
  readonly statistics: ModelStatistics;
}

/** Upper bounds of the histogram. */
const BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/**
 * What became of batches, in Prometheus' text format: the sizes that were executed, and why they took no more. Only of
 * models that form batches; empty if there are none.
 */
export function renderBatchMetrics(models: readonly MeasuredBatches[]): string {
  const batching = models.filter(({ statistics }) => statistics.closed);
  if (batching.length === 0) return "";
  const lines = [
    "# HELP triton_ts_batch_size Rows per execution",
    "# TYPE triton_ts_batch_size histogram",
    ...batching.flatMap(histogram),
    "# HELP triton_ts_batch_close_total Number of batches by the reason why no request was added any more",
    "# TYPE triton_ts_batch_close_total counter",
  ];
  for (const { labels, statistics } of batching) {
    for (const reason of CLOSE_REASONS) {
      lines.push(`triton_ts_batch_close_total${written({ ...labels, reason })} ${statistics.closed![reason]}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function histogram({ labels, statistics }: MeasuredBatches): string[] {
  const executions = Array.from(
    statistics.batches,
    ([size, { computeInfer }]) => ({ size, count: computeInfer.count }),
  );
  const upTo = (bound: number) => executions.reduce((sum, { size, count }) => size <= bound ? sum + count : sum, 0);
  const rows = executions.reduce((sum, { size, count }) => sum + size * count, 0);
  const lines = [...BOUNDS, Infinity].map((bound) => {
    const le = bound === Infinity ? "+Inf" : String(bound);
    return `triton_ts_batch_size_bucket${written({ le, ...labels })} ${upTo(bound)}`;
  });
  return [
    ...lines,
    `triton_ts_batch_size_sum${written(labels)} ${rows}`,
    `triton_ts_batch_size_count${written(labels)} ${upTo(Infinity)}`,
  ];
}

/** Labels, sorted and escaped. */
function written(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
  const escaped = (value: string) => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}
