/**
 * `deno task bench`: one table of ratios from one run. Everything that is compared is measured in turns, several rounds
 * each, and the median counts: the machines are noisy, the ratios less so.
 *
 * Usage: deno task bench [--seconds=2] [--rounds=3] [--only=small,large,conv,batching,sequences,schedulers] [--reference=PATH/TO/start.sh] [--awake]
 */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { measureConvolutions } from "./convolutions.ts";
import { keepAwake } from "./awake.ts";
import { measure, PARTS } from "./cells.ts";
import { loadGenerators } from "./load.ts";
import { freePorts, type Server, startServer } from "./process.ts";
import { printBatches, printConvolutions, printResults, printSchedulers, printSequences } from "./report.ts";
import { BATCHING, writeReferenceRepository, writeRepository } from "./repository.ts";
import { measureSchedulers } from "./schedulers.ts";
import { measureSequences, SEQUENCES } from "./sequences.ts";

/** Parts that are not cells of one table. */
const OTHERS = ["sequences", "schedulers"];
const ALL = [...PARTS.keys(), ...OTHERS];

const { values: flags } = parseArgs({
  args: Deno.args,
  options: {
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: ALL.join(",") },
    reference: { type: "string", default: referenceScript() },
    awake: { type: "boolean", default: false },
  },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const parts = flags.only.split(",");

/** Where the real server's start script is, relative to the checkout or as TRITON_TS_SHARED says. */
function referenceScript(): string {
  const shared = Deno.env.get("TRITON_TS_SHARED") ?? new URL("../../shared", import.meta.url).pathname;
  return `${shared}/reference/start.sh`;
}

async function main(): Promise<number> {
  const unknown = parts.filter((part) => !ALL.includes(part));
  if (unknown.length > 0) {
    console.error(`There is no part ${unknown.join(", ")}; the parts are ${ALL.join(", ")}`);
    return 1;
  }
  if (parts.includes("schedulers")) printSchedulers(measureSchedulers(rounds));
  const cells = parts.filter((part) => PARTS.has(part));
  if (cells.length === 0 && !parts.includes("sequences")) return 0;
  const tools = cells.length === 0 ? { wrk: true, h2load: true } : await loadGenerators();
  if (!tools.wrk || !tools.h2load) {
    console.error("The bench needs the load generators wrk and h2load: apt-get install wrk nghttp2-client");
    return 1;
  }
  const directory = await Deno.makeTempDir({ prefix: "bench-" });
  const servers = new Map<string, Server>();
  const sleep = flags.awake ? keepAwake() : () => {};
  try {
    await writeRepository(`${directory}/ours`);
    servers.set("ours", await startOurs(`${directory}/ours`));
    if (parts.includes("sequences")) {
      const measured = await measureSequences(servers.get("ours")!, "sequences", rounds);
      printSequences(SEQUENCES, measured);
      if (measured.failed > 0) return 1;
    }
    if (cells.length === 0) return 0;
    servers.set("echo", await startEcho());
    const triton = await startTriton(`${directory}/reference`);
    if (triton) servers.set("Triton", triton);
    const results = await measure(cells.flatMap((part) => PARTS.get(part)!()), servers, rounds, seconds);
    printResults(results);
    if (parts.includes("conv")) {
      const model = `${directory}/ours/conv/1/model.onnx`;
      printConvolutions(await measureConvolutions(servers.get("ours")!, model, rounds, seconds));
    }
    if (parts.includes("batching")) await printBatches(servers.get("ours")!.http, BATCHING.keys());
    return results.some(({ byServer }) => [...byServer.values()].some(({ failed }) => failed > 0)) ? 1 : 0;
  } finally {
    sleep();
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

Deno.exit(await main());
