import { cpuMs, type Server } from "./process.ts";

/** What one run of a load generator showed. */
export interface Measurement {
  /** Requests per second. */
  readonly rate: number;
  /** Server CPU microseconds per request; NaN where the system does not tell. */
  readonly cpuMicros: number;
  /** Microseconds. */
  readonly median: number;
  /** Microseconds: 99 of 100 requests took no longer. */
  readonly p99: number;
  readonly failed: number;
}

/** One request, repeated. */
export interface Load {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** True if the load generators are there. */
export async function loadGenerators(): Promise<{ wrk: boolean; h2load: boolean }> {
  const has = (name: string) =>
    new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" }).output().then(
      () => true,
      () => false,
    );
  return { wrk: await has("wrk"), h2load: await has("h2load") };
}

async function output(command: string, args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

/** HTTP/1.1 over `connections` kept-alive connections. */
export async function httpLoad(server: Server, load: Load, connections: number, seconds: number): Promise<Measurement> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  const bytes = [...load.body].map((byte) => `\\${String(byte).padStart(3, "0")}`).join("");
  const headers = Object.entries(load.headers).map(([key, value]) =>
    `wrk.headers[${JSON.stringify(key)}]=${JSON.stringify(value)}`
  );
  await Deno.writeTextFile(script, `wrk.method="POST"\n${headers.join("\n")}\nwrk.body="${bytes}"\n`);
  const before = cpuMs(server.pid);
  const text = await output("wrk", [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--latency",
    "-s",
    script,
    `http://127.0.0.1:${server.http}${load.path}`,
  ]);
  const after = cpuMs(server.pid);
  await Deno.remove(script);
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  const failed = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  const elapsed = duration(/requests in ([\d.]+\w+)/.exec(text)?.[1] ?? "") / 1e6;
  return {
    rate: requests / elapsed,
    cpuMicros: before === undefined || after === undefined ? NaN : (after - before) * 1000 / requests,
    median: duration(/50%\s+([\d.]+\w+)/.exec(text)?.[1] ?? ""),
    p99: duration(/99%\s+([\d.]+\w+)/.exec(text)?.[1] ?? ""),
    failed,
  };
}

/** gRPC over h2c: up to 8 connections, several calls on each above that. */
export async function grpcLoad(server: Server, load: Load, concurrency: number, seconds: number): Promise<Measurement> {
  const clients = Math.min(concurrency, 8);
  const data = await Deno.makeTempFile();
  const log = await Deno.makeTempFile();
  await Deno.writeFile(data, load.body);
  const before = cpuMs(server.pid);
  const text = await output("h2load", [
    `-c${clients}`,
    `-m${concurrency / clients}`,
    "-t1",
    `-D${seconds}`,
    "-d",
    data,
    `--log-file=${log}`,
    ...Object.entries(load.headers).flatMap(([key, value]) => ["-H", `${key}: ${value}`]),
    `http://127.0.0.1:${server.grpc}${load.path}`,
  ]);
  const after = cpuMs(server.pid);
  const times = (await Deno.readTextFile(log)).trim().split("\n").map((line) => Number(line.split("\t")[2])).sort((
    a,
    b,
  ) => a - b);
  await Promise.all([Deno.remove(data), Deno.remove(log)]);
  const requests = Number(/(\d+) succeeded/.exec(text)?.[1] ?? 0);
  return {
    rate: requests / seconds,
    cpuMicros: before === undefined || after === undefined ? NaN : (after - before) * 1000 / requests,
    median: times[times.length >> 1] ?? NaN,
    p99: times[Math.floor(times.length * 0.99)] ?? NaN,
    failed: Number(/(\d+) failed/.exec(text)?.[1] ?? 0) + Number(/(\d+) errored/.exec(text)?.[1] ?? 0),
  };
}

/** `1.5ms` in microseconds. */
function duration(text: string): number {
  const [, value, unit] = /([\d.]+)(\w+)/.exec(text) ?? [];
  return Number(value) * ({ us: 1, ms: 1e3, s: 1e6, m: 60e6 }[unit] ?? NaN);
}

/** The median of several measurements, figure by figure. */
export function medianOf(runs: readonly Measurement[]): Measurement {
  const middle = (pick: (run: Measurement) => number) => {
    const sorted = runs.map(pick).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  };
  return {
    rate: middle((run) => run.rate),
    cpuMicros: middle((run) => run.cpuMicros),
    median: middle((run) => run.median),
    p99: middle((run) => run.p99),
    failed: runs.reduce((sum, run) => sum + run.failed, 0),
  };
}
