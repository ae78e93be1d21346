import {
  histogramWithoutBuckets,
  metricWithoutFamily,
  metricWithoutHistogram,
  metricWithoutIdentifier,
} from "../../../core/errors/load.ts";
import type { ModelMetrics } from "../../../proto/gen/model_config_pb.ts";

/** Checks that every metric that a model customises has a family and its buckets. */
export function validateMetrics(metrics: ModelMetrics): void {
  for (const { metricIdentifier, metricOptions } of metrics.metricControl) {
    if (!metricIdentifier) throw metricWithoutIdentifier();
    if (metricIdentifier.family === "") throw metricWithoutFamily();
    if (metricOptions.case !== "histogramOptions") throw metricWithoutHistogram();
    if (metricOptions.value.buckets.length === 0) throw histogramWithoutBuckets();
  }
}
