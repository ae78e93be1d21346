import { CONV_SHAPE } from "./repository.ts";

/** What a caller's worker is asked to do. */
export interface LoopOrder {
  readonly modelPath: string;
  readonly threads: number;
  readonly shape: readonly number[];
  readonly milliseconds: number;
}

/**
 * Executions per second of sessions called in a loop, without a server: `callers` workers, each with its own session of
 * `threads` threads, in this process.
 */
export async function bareLoop(modelPath: string, callers: number, threads: number, ms: number): Promise<number> {
  const order: LoopOrder = { modelPath, threads, shape: [1, ...CONV_SHAPE], milliseconds: ms };
  const workers = Array.from(
    { length: callers },
    () => new Worker(new URL("./bare_loop_worker.ts", import.meta.url), { type: "module" }),
  );
  try {
    const ready = workers.map(answerOf);
    for (const worker of workers) worker.postMessage(order);
    await Promise.all(ready);
    const counts = workers.map(answerOf);
    for (const worker of workers) worker.postMessage("go");
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0) * 1000 / ms;
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

function answerOf(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}
