import { Counter, Gauge, Registry } from "prom-client";
import { renderBatchMetrics } from "./batch_metrics.ts";
import type { CacheStatistics } from "./cache_statistics.ts";
import type { FailureReason, ModelStatistics } from "./statistics.ts";
import type { SystemUsage } from "./system_usage.ts";

/** One model version, as metrics see it. */
export interface MeasuredModel {
  readonly name: string;
  readonly version: number;
  readonly statistics: ModelStatistics;
  /** Requests taken and not yet executing. */
  readonly pending: number;
  /** Its responses are cached. */
  readonly cached?: boolean;
  /** How long loading took; undefined where nobody measured it. */
  readonly loadSeconds?: number;
  /** Counters of its backend. */
  readonly counters?: readonly { readonly name: string; readonly help: string; readonly value: number }[];
  /** `metric_tags` of the configuration: labels `_<key>`. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Which families there are. */
export interface MetricsChoice {
  /** The counters of time: `counter_latencies`. */
  readonly counterLatencies: boolean;
}

type Labels = Record<string, string>;

interface CounterFamily {
  readonly name: string;
  readonly help: string;
  readonly time: boolean;
  value(statistics: ModelStatistics): number;
}

const micros = (duration: { ns: number }) => Math.floor(duration.ns / 1000);

const FAILURE_REASONS: readonly FailureReason[] = ["REJECTED", "CANCELED", "BACKEND", "OTHER"];

/** The counters of a model version that have no further labels. */
const COUNTERS: readonly CounterFamily[] = [
  {
    name: "nv_inference_request_success",
    help: "Number of successful inference requests, all batch sizes",
    time: false,
    value: ({ success }) => success.count,
  },
  {
    name: "nv_inference_count",
    help: "Number of inferences performed (does not include cached requests)",
    time: false,
    value: ({ inferenceCount }) => inferenceCount,
  },
  {
    name: "nv_inference_exec_count",
    help: "Number of model executions performed (does not include cached requests)",
    time: false,
    value: ({ executionCount }) => executionCount,
  },
  {
    name: "nv_inference_request_duration_us",
    help: "Cumulative inference request duration in microseconds (includes cached requests)",
    time: true,
    value: ({ success }) => micros(success),
  },
  {
    name: "nv_inference_queue_duration_us",
    help: "Cumulative inference queuing duration in microseconds (includes cached requests)",
    time: true,
    value: ({ queue }) => micros(queue),
  },
  {
    name: "nv_inference_compute_input_duration_us",
    help: "Cumulative compute input duration in microseconds (does not include cached requests)",
    time: true,
    value: ({ computeInput }) => micros(computeInput),
  },
  {
    name: "nv_inference_compute_infer_duration_us",
    help: "Cumulative compute inference duration in microseconds (does not include cached requests)",
    time: true,
    value: ({ computeInfer }) => micros(computeInfer),
  },
  {
    name: "nv_inference_compute_output_duration_us",
    help: "Cumulative inference compute output duration in microseconds (does not include cached requests)",
    time: true,
    value: ({ computeOutput }) => micros(computeOutput),
  },
];

/** The counters of a model version whose responses are cached. */
const CACHE_COUNTERS: readonly CounterFamily[] = [
  {
    name: "nv_cache_num_hits_per_model",
    help: "Number of cache hits per model",
    time: false,
    value: ({ cacheHit }) => cacheHit.count,
  },
  {
    name: "nv_cache_hit_duration_per_model",
    help: "Total cache hit duration per model, in microseconds",
    time: true,
    value: ({ cacheHit }) => micros(cacheHit),
  },
  {
    name: "nv_cache_num_misses_per_model",
    help: "Number of cache misses per model",
    time: false,
    value: ({ cacheMiss }) => cacheMiss.count,
  },
  {
    name: "nv_cache_miss_duration_per_model",
    help: "Total cache miss (insert+lookup) duration per model, in microseconds",
    time: true,
    value: ({ cacheMiss }) => micros(cacheMiss),
  },
];

interface CacheFamily {
  readonly name: string;
  readonly help: string;
  value(statistics: CacheStatistics): number;
}

/** The gauges of the cache itself. */
const CACHE_GAUGES: readonly CacheFamily[] = [
  { name: "nv_cache_util", help: "Cache utilization [0.0 - 1.0]", value: ({ utilization }) => utilization },
  {
    name: "nv_cache_num_entries",
    help: "Number of responses stored in response cache",
    value: ({ entries }) => entries,
  },
  { name: "nv_cache_num_hits", help: "Number of cache hits in response cache", value: ({ hits }) => hits },
  { name: "nv_cache_num_misses", help: "Number of cache misses in response cache", value: ({ misses }) => misses },
  {
    name: "nv_cache_num_lookups",
    help: "Number of cache lookups in response cache",
    value: ({ lookup }) => lookup.count,
  },
  {
    name: "nv_cache_num_evictions",
    help: "Number of cache evictions in response cache",
    value: ({ evictions }) => evictions,
  },
  {
    name: "nv_cache_lookup_duration",
    help: "Total cache lookup duration (hit and miss), in microseconds",
    value: ({ lookup }) => micros(lookup),
  },
  {
    name: "nv_cache_insertion_duration",
    help: "Total cache insertion duration, in microseconds",
    value: ({ insertion }) => micros(insertion),
  },
];

/**
 * The metrics in Prometheus' text format, with Triton's families. Everything is read from the statistics when it is
 * asked for; nothing is kept, and requests pay nothing for it.
 *
 * @param system undefined leaves out the gauges of the machine.
 * @param cache undefined leaves out the gauges of the response cache.
 */
export async function renderMetrics(
  models: readonly MeasuredModel[],
  system: SystemUsage | undefined,
  choice: MetricsChoice,
  cache?: CacheStatistics,
): Promise<string> {
  const registry = new Registry();
  const labels = models.map(labelsOf);
  const labelNames = [...new Set(labels.flatMap(Object.keys))];
  const chosen = ({ time }: CounterFamily) => !time || choice.counterLatencies;
  const [success, ...counters] = COUNTERS.filter(chosen);

  const count = (family: CounterFamily, counted: (model: MeasuredModel) => boolean = () => true) => {
    const counter = new Counter({ name: family.name, help: family.help, labelNames, registers: [registry] });
    models.forEach((model, i) => counted(model) && counter.inc(labels[i], family.value(model.statistics)));
  };
  count(success);
  const failures = new Counter({
    name: "nv_inference_request_failure",
    help: "Number of failed inference requests, all batch sizes",
    labelNames: [...labelNames, "reason"],
    registers: [registry],
  });
  models.forEach((model, i) => {
    for (const reason of FAILURE_REASONS) {
      failures.inc(sorted({ ...labels[i], reason }), model.statistics.failures[reason]);
    }
  });
  for (const family of counters) count(family);
  if (models.some(({ cached }) => cached)) {
    for (const family of CACHE_COUNTERS.filter(chosen)) count(family, ({ cached }) => cached === true);
  }
  gauge(
    registry,
    "nv_inference_pending_request_count",
    "Instantaneous number of pending requests awaiting execution per-model.",
    models.map((model, i) => [labels[i], model.pending]),
  );
  gauge(
    registry,
    "nv_model_load_duration_secs",
    "Model load time in seconds",
    models.flatMap((model, i) => model.loadSeconds === undefined ? [] : [[labels[i], model.loadSeconds]]),
  );
  countOwn(registry, models, labels, labelNames);
  if (cache) { for (const { name, help, value } of CACHE_GAUGES) gauge(registry, name, help, [[{}, value(cache)]]); }
  if (system) {
    const { utilization, totalBytes, usedBytes } = system.read();
    gauge(registry, "nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", [[{}, utilization]]);
    gauge(registry, "nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", [[{}, totalBytes]]);
    gauge(registry, "nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", [[{}, usedBytes]]);
  }
  const batches = renderBatchMetrics(models.map(({ statistics }, i) => ({ labels: labels[i], statistics })));
  return (await registry.metrics()).replaceAll("\n\n", "\n") + batches;
}

/** The counters of the models' backends. */
function countOwn(
  registry: Registry,
  models: readonly MeasuredModel[],
  labels: readonly Labels[],
  labelNames: string[],
): void {
  const families = new Map<string, Counter>();
  models.forEach(({ counters = [] }, i) => {
    for (const { name, help, value } of counters) {
      let counter = families.get(name);
      if (!counter) families.set(name, counter = new Counter({ name, help, labelNames, registers: [registry] }));
      counter.inc(labels[i], value);
    }
  });
}

function gauge(registry: Registry, name: string, help: string, series: readonly (readonly [Labels, number])[]): void {
  const labelNames = [...new Set(series.flatMap(([labels]) => Object.keys(labels)))];
  const gauge = new Gauge({ name, help, labelNames, registers: [registry] });
  for (const [labels, value] of series) gauge.set(labels, value);
}

function labelsOf({ name, version, tags = {} }: MeasuredModel): Labels {
  const named = Object.entries(tags).map(([key, value]) => [`_${key.replace(/[^a-zA-Z0-9_]/g, "_")}`, value]);
  return sorted({ ...Object.fromEntries(named), model: name, version: String(version) });
}

/** Labels in the order of their names, which is the order they are written in. */
function sorted(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1));
}
