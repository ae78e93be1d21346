import { CLOSE_REASONS, type CloseReason, type ModelStatistics } from "./statistics.ts";

/** How a model's requests are put together. */
export interface BatchingSettings {
  readonly scheduler: "default" | "dynamic" | "sequence" | "ensemble";
  /** 0 without a batch dimension. */
  readonly maxBatchSize: number;
  readonly preferredSizes: readonly number[];
  readonly delayMicros: number;
  /** To which batches are padded. */
  readonly allowedSizes?: readonly number[];
}

/** A reason is explained if at least this share of the batches closed for it. */
const WORTH_TELLING = 0.05;

/** In plain words, why the batches of a model are as large as they are, and what would change it. */
export function explainBatching(settings: BatchingSettings, statistics: ModelStatistics): string[] {
  const obstacle = obstacleTo(settings);
  if (obstacle !== undefined) return [obstacle];
  const { closed, executionCount } = statistics;
  const total = closed ? CLOSE_REASONS.reduce((sum, reason) => sum + closed[reason], 0) : 0;
  if (!closed || total === 0 || executionCount === 0) return ["Nothing has been executed yet."];
  const rows = Array.from(statistics.batches).reduce(
    (sum, [size, { computeInfer }]) => sum + size * computeInfer.count,
    0,
  );
  const average = (rows / executionCount).toFixed(1);
  return [
    `A batch has ${average} rows on average, of at most ${settings.maxBatchSize}.`,
    ...(settings.allowedSizes
      ? [
        `The model runs with ${
          settings.allowedSizes.join(" or ")
        } rows: what a batch lacks is padded, and not counted here.`,
      ]
      : []),
    ...[...CLOSE_REASONS]
      .sort((a, b) => closed[b] - closed[a])
      .filter((reason) => closed[reason] >= WORTH_TELLING * total)
      .map((reason) => `${Math.round(100 * closed[reason] / total)} % of the batches ${because(reason, settings)}`),
  ];
}

/** Why the model cannot form batches at all; undefined if it can. */
function obstacleTo({ scheduler, maxBatchSize }: BatchingSettings): string | undefined {
  if (scheduler === "ensemble") return "An ensemble forms no batches of its own: see the models of its steps.";
  if (maxBatchSize === 0) {
    return "Requests run one by one: the model has no batch dimension. If it takes one, set max_batch_size and leave it " +
      "out of dims.";
  }
  if (scheduler === "default") {
    return "Requests run one by one: the configuration has no dynamic_batching. With 'dynamic_batching { }' those that " +
      "come while all instances are busy run together.";
  }
  if (maxBatchSize === 1) return "Requests run one by one: max_batch_size is 1.";
  return undefined;
}

function because(reason: CloseReason, { maxBatchSize, preferredSizes, delayMicros }: BatchingSettings): string {
  switch (reason) {
    case "idle":
      return "went as they were, since an instance was idle: without a queue delay a batch is only what came while all " +
        "instances were busy. For larger ones set max_queue_delay_microseconds, at the price of that much latency.";
    case "delay":
      return `had waited for the queue delay of ${delayMicros} µs: too few requests come in that time to fill a batch. ` +
        "A longer delay makes them larger, a shorter one answers sooner.";
    case "full":
      return `were full, at max_batch_size ${maxBatchSize} or with no room for the next request. If the model runs larger ` +
        "batches faster per row, raise max_batch_size.";
    case "preferred":
      return `had a preferred size (${
        preferredSizes.join(", ")
      }), or the next request would have passed the largest. ` +
        "Without preferred_batch_size they would grow on, up to max_batch_size.";
    case "shape":
      return "ended before a request of another shape, or with other inputs: only equal shapes run together. Have clients " +
        "pad to a few shapes, or use allow_ragged_batch if the model can.";
    case "end":
      return "were sent early because the model was being unloaded, or the server stopped.";
  }
}
