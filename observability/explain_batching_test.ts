import { deepEqual, equal, match } from "node:assert/strict";
import { type BatchingSettings, explainBatching } from "./explain_batching.ts";
import { CLOSE_REASONS, ModelStatistics } from "./statistics.ts";

const dynamic: BatchingSettings = { scheduler: "dynamic", maxBatchSize: 8, preferredSizes: [4], delayMicros: 500 };

function statisticsOf(closed: readonly (typeof CLOSE_REASONS[number])[]): ModelStatistics {
  const statistics = new ModelStatistics();
  for (const reason of closed) {
    statistics.executed(4, { inputMs: 0, inferMs: 0, outputMs: 0 });
    statistics.batchClosed(reason);
  }
  return statistics;
}

Deno.test("explainBatching() says why a model cannot batch when it cannot", () => {
  const first = (settings: Partial<BatchingSettings>) => {
    const [text, ...more] = explainBatching({ ...dynamic, ...settings }, statisticsOf(["full"]));
    equal(more.length, 0);
    return text;
  };
  match(first({ scheduler: "ensemble" }), /see the models of its steps/);
  match(first({ scheduler: "default" }), /no dynamic_batching/);
  match(first({ maxBatchSize: 0 }), /no batch dimension/);
  match(first({ maxBatchSize: 1 }), /max_batch_size is 1/);
});

Deno.test("explainBatching() has nothing to say before the first execution", () => {
  deepEqual(explainBatching(dynamic, new ModelStatistics()), ["Nothing has been executed yet."]);
});

Deno.test("explainBatching() tells the reasons that matter, the most frequent first", () => {
  const rare = Array.from({ length: 60 }, () => "delay" as const);
  const texts = explainBatching(dynamic, statisticsOf(["shape", "full", ...Array(20).fill("idle"), ...rare]));
  equal(texts.length, 3);
  equal(texts[0], "A batch has 4.0 rows on average, of at most 8.");
  match(texts[1], /^73 % .* 500 µs/);
  match(texts[2], /^24 % .* idle/);
});

for (const reason of CLOSE_REASONS) {
  Deno.test(`explainBatching() has words for batches that closed for the reason ${reason}`, () => {
    const [, text] = explainBatching(dynamic, statisticsOf([reason]));
    match(text, /^100 % of the batches [a-z].*\.$/);
  });
}

Deno.test("explainBatching() says to which sizes batches are padded", () => {
  const texts = explainBatching({ ...dynamic, allowedSizes: [2, 8] }, statisticsOf(["idle"]));
  match(texts[1], /with 2 or 8 rows: .* padded/);
});
