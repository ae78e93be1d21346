import Table from "cli-table3";
import type { Result } from "./cells.ts";
import type { Convolutions } from "./convolutions.ts";
import type { Measurement } from "./load.ts";
import { QUEUE_LENGTHS, type SchedulerCost } from "./schedulers.ts";

const PLAIN = { style: { head: [], border: [] } };

const number = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? "" : Math.round(value).toLocaleString("en");
const ratio = (a: number | undefined, b: number | undefined) => a && b ? (a / b).toFixed(2) : "";

/** Every cell with the servers that took it, and what they need relative to ours. */
export function printResults(results: readonly Result[]): void {
  const head = [
    "",
    "at once",
    "server",
    "requests/s",
    "CPU µs/request",
    "median µs",
    "p99 µs",
    "rate ÷ ours",
    "CPU ÷ ours",
    "failed",
  ];
  const right = "right" as const;
  const colAligns = ["left" as const, right, "left" as const, right, right, right, right, right, right, right];
  const table = new Table({ ...PLAIN, head, colAligns });
  for (const { cell, byServer } of results) {
    const ours = byServer.get("ours")!;
    for (const [name, { rate, cpuMicros, median, p99, failed }] of byServer) {
      const first = name === "ours";
      table.push([
        first ? cell.title : "",
        first ? cell.concurrency : "",
        name,
        number(rate),
        number(cpuMicros),
        number(median),
        number(p99),
        first ? "" : ratio(rate, ours.rate),
        first ? "" : ratio(cpuMicros, ours.cpuMicros),
        failed || "",
      ]);
    }
  }
  console.log(table.toString());
}

/** How near the server comes to its sessions called in a loop. */
export function printConvolutions({ server, loops, ratio: reached }: Convolutions): void {
  const table = new Table({ ...PLAIN, head: ["convolutions", "executions/s"], colAligns: ["left", "right"] });
  for (const { callers, threads, rate } of loops) {
    table.push([`bare loop, ${callers} callers × ${threads} threads`, number(rate)]);
  }
  table.push(["through the server", number(server)]);
  console.log(table.toString());
  console.log(`The server reaches ${reached.toFixed(2)} of the best bare loop.`);
}

/** Which batches the settings of the dense model made. */
export async function printBatches(http: number, models: Iterable<string>): Promise<void> {
  const table = new Table({ ...PLAIN, head: ["settings", "executions", "rows per execution", "batch sizes"] });
  for (const model of models) {
    const response = await fetch(`http://127.0.0.1:${http}/v2/models/${model}/stats`);
    const [statistics] = (await response.json()).model_stats;
    const sizes: { batch_size: number; compute_infer: { count: number } }[] = statistics.batch_stats;
    table.push([
      model,
      number(statistics.execution_count),
      (statistics.inference_count / statistics.execution_count).toFixed(1),
      sizes.map(({ batch_size, compute_infer }) => `${batch_size}×${compute_infer.count}`).join(" "),
    ]);
  }
  console.log(table.toString());
}

/** What a request costs in the schedulers, by the number of requests that wait. */
export function printSchedulers(costs: readonly SchedulerCost[]): void {
  const head = ["µs/request with so many waiting", ...QUEUE_LENGTHS.map(number)];
  const table = new Table({ ...PLAIN, head, colAligns: ["left", ...QUEUE_LENGTHS.map(() => "right" as const)] });
  for (const { scheduler, micros } of costs) table.push([scheduler, ...micros.map((each) => each.toFixed(2))]);
  console.log(table.toString());
}

/** Many sequences at once. */
export function printSequences(count: number, { rate, cpuMicros, median, p99, failed }: Measurement): void {
  const head = ["sequences at once", "requests/s", "CPU µs/request", "median µs", "p99 µs", "failed"];
  const table = new Table({ ...PLAIN, head, colAligns: head.map(() => "right" as const) });
  table.push([number(count), number(rate), number(cpuMicros), number(median), number(p99), failed]);
  console.log(table.toString());
}
