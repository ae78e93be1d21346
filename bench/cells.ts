import { grpcLoad, httpLoad, type Load, type Measurement, medianOf } from "./load.ts";
import type { Server } from "./process.ts";
import { BATCHING } from "./repository.ts";
import { convBinary, denseBinary, largeBinary, simpleBinary, simpleGrpc, simpleJson } from "./requests.ts";

/** One line of a table: a load at one concurrency, and which servers take it besides ours. */
export interface Cell {
  readonly title: string;
  readonly load: Load;
  readonly concurrency: number;
  readonly run: typeof httpLoad;
  readonly against: readonly string[];
}

/** What a cell showed, by server: medians of its rounds. */
export interface Result {
  readonly cell: Cell;
  readonly byServer: ReadonlyMap<string, Measurement>;
}

/** The parts of the bench by name. */
export const PARTS: ReadonlyMap<string, () => Cell[]> = new Map([
  ["small", () => [
    ...cells("HTTP JSON", simpleJson(), [1, 8, 64], httpLoad, ["echo", "Triton"]),
    ...cells("HTTP JSON, batched", simpleJson("simple_batched"), [1, 8, 64], httpLoad),
    ...cells("HTTP binary", simpleBinary(), [1, 8, 64], httpLoad, ["echo", "Triton"]),
    ...cells("HTTP binary, batched", simpleBinary("simple_batched"), [1, 8, 64], httpLoad),
    ...cells("gRPC", simpleGrpc(), [1, 8, 64], grpcLoad, ["echo", "Triton"]),
    ...cells("gRPC, batched", simpleGrpc("simple_batched"), [1, 8, 64], grpcLoad),
  ]],
  ["large", () => cells("600 KB binary", largeBinary("scale", "INPUT"), [1, 8], httpLoad, ["echo"])],
  ["conv", () => cells("convolutions", convBinary("conv"), [1, 2, 8], httpLoad)],
  ["batching", () => [...BATCHING.keys()].flatMap((model) => cells(model, denseBinary(model), [1, 16, 64], httpLoad))],
]);

function cells(title: string, load: Load, levels: number[], run: typeof httpLoad, against: string[] = []): Cell[] {
  return levels.map((concurrency) => ({ title, load, concurrency, run, against }));
}

/** Runs every cell `rounds` times on each of its servers in turn, after one round that warms up. */
export async function measure(
  all: readonly Cell[],
  servers: ReadonlyMap<string, Server>,
  rounds: number,
  seconds: number,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const cell of all) {
    const runs = new Map<string, Measurement[]>();
    for (let round = -1; round < rounds; round++) {
      for (const name of ["ours", ...cell.against]) {
        const server = servers.get(name);
        if (!server) continue;
        const measured = await cell.run(server, cell.load, cell.concurrency, round < 0 ? 1 : seconds);
        if (round >= 0) runs.set(name, [...runs.get(name) ?? [], measured]);
      }
    }
    results.push({ cell, byServer: new Map([...runs].map(([name, list]) => [name, medianOf(list)])) });
    Deno.stderr.writeSync(new TextEncoder().encode("."));
  }
  Deno.stderr.writeSync(new TextEncoder().encode("\n"));
  return results;
}
