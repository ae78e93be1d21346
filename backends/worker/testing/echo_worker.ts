import { Status } from "../../../core/status.ts";
import type { WorkerModel, WorkerModelInfo, WorkerTensor } from "../protocol.ts";
import { serve } from "../serve.ts";

/** How the echo model of the tests behaves. */
export interface EchoOptions {
  readonly failLoad?: string;
  /** Answer through promises, as a WebGPU session does. */
  readonly asynchronous?: boolean;
}

/**
 * Returns its inputs as OUT0, OUT1, …; the first byte of the first input may ask for trouble: 250 fails, 251 crashes the
 * worker, 252 never ends, 253 doubles the rows.
 */
class EchoModel implements WorkerModel<EchoOptions> {
  #asynchronous = false;

  load(options: EchoOptions): Promise<WorkerModelInfo> {
    if (options.failLoad) return Promise.reject(new Status("INVALID_ARGUMENT", options.failLoad));
    this.#asynchronous = options.asynchronous ?? false;
    return Promise.resolve({ runtime: "echo", device: "" });
  }

  run(inputs: readonly WorkerTensor[], outputs: readonly string[]): WorkerTensor[] | Promise<WorkerTensor[]> {
    const order = inputs[0]?.data[0];
    if (order === 250) throw new Status("INTERNAL", "the model says no");
    if (order === 251) {
      queueMicrotask(() => {
        throw new Error("gone");
      });
      return new Promise(() => {});
    }
    if (order === 252) { for (;;); }
    const answers = outputs.map((name) => {
      const { datatype, shape, data } = inputs[Number(name.slice(3))];
      return { name, datatype, shape: order === 253 ? [shape[0] * 2, ...shape.slice(1)] : shape, data: data.slice() };
    });
    return this.#asynchronous ? new Promise((resolve) => setTimeout(() => resolve(answers), 1)) : answers;
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

serve(new EchoModel());
