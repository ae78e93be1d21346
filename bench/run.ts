/**
 * `deno task bench`: one table of ratios from one run. Everything that is compared is measured in turns, several rounds
 * each, and the median counts: the machines are noisy, the ratios less so.
 *
 * Usage: deno task bench [--seconds=2] [--rounds=3] [--only=small,large,conv] [--reference=PATH/TO/start.sh]
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { bareLoop } from "./bare_loop.ts";
import { grpcLoad, httpLoad, type Load, loadGenerators, type Measurement, medianOf } from "./load.ts";
import { freePorts, type Server, startServer } from "./process.ts";
import { writeReferenceRepository, writeRepository } from "./repository.ts";
import { convBinary, largeBinary, simpleBinary, simpleGrpc, simpleJson } from "./requests.ts";

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "small,large,conv" },
    reference: { type: "string", default: referenceScript() },
  },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const parts = new Set(flags.only.split(","));

/** Where the real server's start script is, relative to the checkout or as TRITON_TS_SHARED says. */
function referenceScript(): string {
  const shared = Deno.env.get("TRITON_TS_SHARED") ?? new URL("../../shared", import.meta.url).pathname;
  return `${shared}/reference/start.sh`;
}

interface Cell {
  readonly title: string;
  readonly load: Load;
  readonly concurrency: number;
  readonly run: typeof httpLoad;
  /** Which servers take part besides ours. */
  readonly against: readonly string[];
}

function cells(): Cell[] {
  const all: Cell[] = [];
  const add = (title: string, load: Load, levels: number[], run: typeof httpLoad, against: string[]) => {
    for (const concurrency of levels) all.push({ title, load, concurrency, run, against });
  };
  if (parts.has("small")) {
    add("HTTP JSON", simpleJson(), [1, 8, 64], httpLoad, ["echo", "Triton"]);
    add("HTTP binary", simpleBinary(), [1, 8, 64], httpLoad, ["echo", "Triton"]);
    add("gRPC", simpleGrpc(), [1, 8, 64], grpcLoad, ["echo", "Triton"]);
  }
  if (parts.has("large")) add("600 KB binary", largeBinary("scale", "INPUT"), [1, 8], httpLoad, ["echo"]);
  if (parts.has("conv")) add("convolutions", convBinary("conv"), [1, 2, 8], httpLoad, []);
  return all;
}

async function main(): Promise<number> {
  const tools = await loadGenerators();
  if (!tools.wrk || !tools.h2load) {
    console.error("The bench needs the load generators wrk and h2load: apt-get install wrk nghttp2-client");
    return 1;
  }
  const directory = await Deno.makeTempDir({ prefix: "bench-" });
  const servers = new Map<string, Server>();
  try {
    await writeRepository(`${directory}/ours`);
    servers.set("ours", await startOurs(`${directory}/ours`));
    servers.set("echo", await startEcho());
    const triton = await startTriton(`${directory}/reference`);
    if (triton) servers.set("Triton", triton);
    const results = await measure(cells(), servers);
    print(results);
    if (parts.has("conv")) await printConvolutions(`${directory}/ours/conv/1/model.onnx`, results);
    return results.some(({ byServer }) => [...byServer.values()].some(({ failed }) => failed > 0)) ? 1 : 0;
  } finally {
    for (const server of servers.values()) await server.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

function startOurs(repository: string): Promise<Server> {
  const [http, grpc, metrics] = freePorts(3);
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--unstable-no-legacy-abort",
    new URL("../main.ts", import.meta.url).pathname,
  ];
  const options = [`--model-repository=${repository}`, `--metrics-port=${metrics}`, "--http-address=127.0.0.1"];
  return startServer("ours", [...command, ...options, `--http-port=${http}`, `--grpc-port=${grpc}`], { http, grpc });
}

function startEcho(): Promise<Server> {
  const [http, grpc] = freePorts(2);
  const command = [Deno.execPath(), "run", "-A", new URL("echo.ts", import.meta.url).pathname, `${http}`, `${grpc}`];
  return startServer("echo", command, { http, grpc });
}

/** The real Triton where its start script is; undefined, with a sentence, where it is not. */
async function startTriton(repository: string): Promise<Server | undefined> {
  if (!existsSync(flags.reference)) {
    console.log(`Without the real Triton: ${flags.reference} is not there (--reference=PATH names its start script).`);
    return undefined;
  }
  const [http, grpc, metrics] = freePorts(3);
  await writeReferenceRepository(repository);
  const command = ["bash", flags.reference, repository, `${http}`, `${grpc}`, `${metrics}`];
  return await startServer("Triton", command, { http, grpc }).catch((error) => {
    console.log(`Without the real Triton: ${error.message}`);
    return undefined;
  });
}

interface Result {
  readonly cell: Cell;
  readonly byServer: Map<string, Measurement>;
}

async function measure(all: readonly Cell[], servers: ReadonlyMap<string, Server>): Promise<Result[]> {
  const results: Result[] = [];
  for (const cell of all) {
    const runs = new Map<string, Measurement[]>();
    for (let round = -1; round < rounds; round++) {
      for (const name of ["ours", ...cell.against]) {
        const server = servers.get(name);
        if (!server) continue;
        // the first round warms up: compilation, caches, connections
        const measured = await cell.run(server, cell.load, cell.concurrency, round < 0 ? 1 : seconds);
        if (round >= 0) runs.set(name, [...runs.get(name) ?? [], measured]);
      }
    }
    const byServer = new Map([...runs].map(([name, list]) => [name, medianOf(list)]));
    results.push({ cell, byServer });
    Deno.stderr.writeSync(new TextEncoder().encode("."));
  }
  Deno.stderr.writeSync(new TextEncoder().encode("\n"));
  return results;
}

const number = (value: number | undefined) =>
  value === undefined || Number.isNaN(value) ? "" : Math.round(value).toLocaleString("en");
const ratio = (a: number | undefined, b: number | undefined) => a && b ? (a / b).toFixed(2) : "";

function print(results: readonly Result[]): void {
  const table = new Table({
    head: ["", "at once", "server", "requests/s", "CPU µs/request", "median µs", "rate ÷ ours", "CPU ÷ ours", "failed"],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "left", "right", "right", "right", "right", "right", "right"],
  });
  for (const { cell, byServer } of results) {
    const ours = byServer.get("ours")!;
    for (const [name, { rate, cpuMicros, median, failed }] of byServer) {
      const first = name === "ours";
      table.push([
        first ? cell.title : "",
        first ? cell.concurrency : "",
        name,
        number(rate),
        number(cpuMicros),
        number(median),
        first ? "" : ratio(rate, ours.rate),
        first ? "" : ratio(cpuMicros, ours.cpuMicros),
        failed || "",
      ]);
    }
  }
  console.log(table.toString());
}

/** The convolutional model through the server, against the best split of the cores without one. */
async function printConvolutions(model: string, results: readonly Result[]): Promise<void> {
  const cores = navigator.hardwareConcurrency;
  const splits = [[1, 1], [1, cores], [cores, 1], [cores, 2]].filter(([callers], index) =>
    index === 0 || callers * cores > 1
  );
  const table = new Table({
    head: ["bare loop", "executions/s"],
    style: { head: [], border: [] },
    colAligns: ["left", "right"],
  });
  let best = 0;
  for (const [callers, threads] of splits) {
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) rates.push(await bareLoop(model, callers, threads, seconds * 1000));
    const rate = rates.sort((a, b) => a - b)[rates.length >> 1];
    best = Math.max(best, rate);
    table.push([`${callers} callers × ${threads} threads`, number(rate)]);
  }
  console.log(table.toString());
  const rates = results.filter(({ cell }) => cell.title === "convolutions").map(({ byServer }) =>
    byServer.get("ours")!.rate
  );
  console.log(
    `Through the server: ${number(Math.max(...rates))} executions/s, ${
      ratio(Math.max(...rates), best)
    } of the best bare loop.`,
  );
}

Deno.exit(await main());
