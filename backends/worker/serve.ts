import { freeMemory } from "../../core/memory.ts";
import { Status } from "../../core/status.ts";
import type { FromWorker, InputsMessage, StartMessage, ToWorker } from "./messages.ts";
import { STATUS_CODES } from "./messages.ts";
import type { SequenceRow } from "../backend.ts";
import { decodeRows } from "./sequence_rows.ts";
import type { WorkerModel, WorkerTensor } from "./protocol.ts";
import { align, COMPLETED, fits, headWords, Kind, Ring, SUBMITTED } from "./ring.ts";

/** The part of a worker's global scope that is used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  close(): void;
}

/**
 * The main loop of a worker: loads what the start message asks for, then executes what comes through the ring, one at a
 * time and in order, until it is told to release. Call it once, from the worker's entry module.
 */
export function serve<Options>(model: WorkerModel<Options>): void {
  const scope = globalThis as unknown as WorkerScope;
  const posted = new Mailbox();
  scope.onmessage = (event) => {
    const message = event.data;
    if (message.kind === "start") {
      start(scope, model, message, posted).catch((error) => {
        setTimeout(() => {
          throw error; // an error outside any execution: the main thread sees it as a crash
        });
      });
    } else {
      posted.put(message);
    }
  };
}

async function start<Options>(
  scope: WorkerScope,
  model: WorkerModel<Options>,
  message: StartMessage,
  posted: Mailbox,
): Promise<void> {
  try {
    const info = await model.load(message.options as Options);
    scope.postMessage({ kind: "ready", info });
  } catch (thrown) {
    const status = Status.from(thrown);
    const name = thrown instanceof Error ? thrown.name : "Error";
    scope.postMessage({ kind: "failed", code: status.code, name, text: status.message });
    return;
  }
  await new ExecutionLoop(scope, model, message, posted).run();
  scope.close();
}

/** Messages that came before they were asked for. */
class Mailbox {
  #messages: InputsMessage[] = [];
  #wake: (() => void) | undefined;

  put(message: InputsMessage): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  async take(): Promise<InputsMessage> {
    while (this.#messages.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#messages.shift()!;
  }
}

class ExecutionLoop<Options> {
  readonly #ring: Ring;
  readonly #inputs: readonly string[];
  readonly #outputs: readonly string[];
  readonly #indexOf: ReadonlyMap<string, number>;
  readonly #blocking: boolean;

  constructor(
    private readonly scope: WorkerScope,
    private readonly model: WorkerModel<Options>,
    message: StartMessage,
    private readonly posted: Mailbox,
  ) {
    this.#ring = new Ring(message.ring);
    this.#inputs = message.inputs;
    this.#outputs = message.outputs;
    this.#indexOf = new Map(message.outputs.map((name, index) => [name, index]));
    this.#blocking = message.blocking;
  }

  async run(): Promise<void> {
    const { counters } = this.#ring;
    for (let number = 0;; number = (number + 1) | 0) {
      while (Atomics.load(counters, SUBMITTED) === number) {
        if (this.#blocking) Atomics.wait(counters, SUBMITTED, number);
        else await Atomics.waitAsync(counters, SUBMITTED, number).value;
      }
      const kind = this.#ring.kind(this.#ring.inputArea(number));
      if (kind === Kind.Release) {
        await this.model.release();
        const now = performance.now();
        this.#answer(number, [], now, now);
        this.#complete(number);
        return;
      }
      // only a step that is asynchronous by nature is awaited: the loop of a small model stays synchronous
      const execution = this.#execute(number, kind);
      if (execution) await execution;
      this.#complete(number);
    }
  }

  #complete(number: number): void {
    Atomics.store(this.#ring.counters, COMPLETED, (number + 1) | 0);
    Atomics.notify(this.#ring.counters, COMPLETED);
  }

  #execute(number: number, kind: Kind): Promise<void> | undefined {
    if (kind === Kind.Posted) {
      return this.posted.take().then(async ({ tensors, outputs, sequences }) => {
        await this.#infer(number, performance.now(), tensors, outputs, sequences);
        freeMemory(tensors.map(({ data }) => data.buffer));
      });
    }
    const began = performance.now();
    const { list, tensors } = this.#ring.read(this.#ring.inputArea(number), this.#inputs);
    const sequences = decodeRows(list);
    return this.#infer(number, began, tensors, list.map((index) => this.#outputs[index]), sequences);
  }

  #infer(
    number: number,
    began: number,
    inputs: readonly WorkerTensor[],
    wanted: readonly string[],
    sequences: readonly (SequenceRow | undefined)[] | undefined,
  ): Promise<void> | undefined {
    const ready = performance.now();
    try {
      const outputs = this.model.run(inputs, wanted, sequences);
      if (outputs instanceof Promise) {
        return outputs.then(
          (tensors) => this.#answer(number, tensors, began, ready),
          (thrown) => this.#fail(number, thrown),
        );
      }
      this.#answer(number, outputs, began, ready);
    } catch (thrown) {
      this.#fail(number, thrown);
    }
  }

  #answer(number: number, tensors: readonly WorkerTensor[], began: number, ready: number): void {
    const inferred = performance.now();
    const area = this.#ring.outputArea(number);
    let dataBytes = 0;
    let ranks = 0;
    for (const { data, shape } of tensors) {
      dataBytes += align(data.byteLength);
      ranks += shape.length;
    }
    const words = headWords(0, tensors.length, ranks);
    if (fits(words, dataBytes)) {
      const writer = this.#ring.writer(area);
      writer.begin([], tensors.length, words);
      for (const { name, datatype, shape, data } of tensors) {
        writer.set(data, writer.tensor(this.#indexOf.get(name)!, datatype, shape, data.byteLength));
      }
      this.#ring.setKind(area, Kind.Inline);
    } else {
      const buffers = new Set(tensors.map(({ data }) => data.buffer as ArrayBuffer));
      this.scope.postMessage({ kind: "outputs", number, tensors }, [...buffers]);
      this.#ring.setKind(area, Kind.Posted);
    }
    this.#ring.setTiming(area, {
      inputMs: ready - began,
      inferMs: inferred - ready,
      outputMs: performance.now() - inferred,
    });
  }

  #fail(number: number, thrown: unknown): void {
    const status = Status.from(thrown);
    this.#ring.writeFailure(this.#ring.outputArea(number), STATUS_CODES.indexOf(status.code), status.message);
  }
}
