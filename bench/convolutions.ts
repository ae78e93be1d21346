import { bareLoop } from "./bare_loop.ts";
import { httpLoad } from "./load.ts";
import type { Server } from "./process.ts";
import { convBinary } from "./requests.ts";

/** Seconds of a run at least: executions take long, and those that a run's end cuts off count nowhere. */
const LEAST_SECONDS = 6;
const CONCURRENCY = 8;

/** Executions per second through the server and in bare loops. */
export interface Convolutions {
  readonly server: number;
  /** By callers and threads of each. */
  readonly loops: readonly { readonly callers: number; readonly threads: number; readonly rate: number }[];
  /** The server's rate to that of the best loop: the median of the rounds. */
  readonly ratio: number;
}

/** Runs the convolutional model through the server and in bare loops of the same session, in turns. */
export async function measureConvolutions(
  server: Server,
  modelPath: string,
  rounds: number,
  seconds: number,
): Promise<Convolutions> {
  const cores = navigator.hardwareConcurrency;
  const splits = cores > 1 ? [[1, 1], [1, cores], [cores, 1], [cores, 2]] : [[1, 1]];
  const long = Math.max(seconds, LEAST_SECONDS);
  const served: number[] = [];
  const looped: number[][] = splits.map(() => []);
  await httpLoad(server, convBinary("conv"), CONCURRENCY, 1);
  for (let round = 0; round < rounds; round++) {
    served.push((await httpLoad(server, convBinary("conv"), CONCURRENCY, long)).rate);
    for (const [i, [callers, threads]] of splits.entries()) {
      looped[i].push(await bareLoop(modelPath, callers, threads, long * 1000));
    }
  }
  const loops = splits.map(([callers, threads], i) => ({ callers, threads, rate: median(looped[i]) }));
  const best = looped[loops.indexOf(loops.reduce((a, b) => b.rate > a.rate ? b : a))];
  return { server: median(served), loops, ratio: median(served.map((rate, round) => rate / best[round])) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
