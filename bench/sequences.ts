/** Many sequences at once, against a running server, over kept-alive HTTP connections. */
import { type Measurement, medianOf } from "./load.ts";
import { cpuMs, type Server } from "./process.ts";

export const SEQUENCES = 1_000;
/** Requests in flight, over all sequences. */
const AT_ONCE = 64;
/** Requests of a sequence. */
const LENGTH = 10;

/** All sequences stay open from the first to the last step; a wrong answer counts as failed. */
export async function measureSequences(server: Server, model: string, rounds: number): Promise<Measurement> {
  await run(server, model, 0); // warms up
  const runs: Measurement[] = [];
  for (let round = 1; round <= rounds; round++) runs.push(await run(server, model, round));
  return medianOf(runs);
}

async function run(server: Server, model: string, round: number): Promise<Measurement> {
  const url = `http://127.0.0.1:${server.http}/v2/models/${model}/infer`;
  const latest: Promise<void>[] = Array.from({ length: SEQUENCES }, () => Promise.resolve());
  const times: number[] = [];
  let failed = 0;
  let next = 0;
  const ask = async (index: number) => {
    const sequence = index % SEQUENCES;
    const step = Math.floor(index / SEQUENCES);
    const started = performance.now();
    const answer = await fetch(url, { method: "POST", body: bodyOf(round * SEQUENCES + sequence + 1, step) });
    const value = answer.ok ? (await answer.json()).outputs[0].data[0] : await answer.text();
    times.push((performance.now() - started) * 1000);
    if (value !== step + (step === 0 ? 1 : 0)) failed++;
  };
  const before = cpuMs(server.pid);
  const began = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < SEQUENCES * LENGTH) {
      const index = next++;
      const sequence = index % SEQUENCES;
      await latest[sequence];
      await (latest[sequence] = ask(index));
    }
  }));
  const seconds = (performance.now() - began) / 1000;
  const after = cpuMs(server.pid);
  times.sort((a, b) => a - b);
  return {
    rate: times.length / seconds,
    cpuMicros: before === undefined || after === undefined ? NaN : (after - before) * 1000 / times.length,
    median: times[times.length >> 1],
    p99: times[Math.floor(times.length * 0.99)],
    failed,
  };
}

function bodyOf(id: number, step: number): string {
  return JSON.stringify({
    parameters: { sequence_id: id, sequence_start: step === 0, sequence_end: step === LENGTH - 1 },
    inputs: [{ name: "INPUT", datatype: "INT32", shape: [1, 1], data: [step] }],
  });
}
