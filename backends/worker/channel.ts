import type { ExecutionTiming, SequenceRow } from "../backend.ts";
import type { BatchInput } from "../batch.ts";
import { Status } from "../../core/status.ts";
import type { Tensor } from "../../core/tensor.ts";
import { type FromWorker, STATUS_CODES } from "./messages.ts";
import type { WorkerTensor } from "./protocol.ts";
import { encodeRow } from "./sequence_rows.ts";
import { align, COMPLETED, fits, headWords, Kind, Ring, SLOTS, SUBMITTED } from "./ring.ts";

/** Called once with the outcome of an execution: its outputs, or an error. */
export type Done = (outputs: readonly Tensor[], timing: ExecutionTiming, error?: Status) => void;

const NO_TIME: ExecutionTiming = { inputMs: 0, inferMs: 0, outputMs: 0 };

interface Pending {
  readonly done: Done;
  readonly since: number;
}

/**
 * The main thread's end of a ring: submits executions to one worker and hands out their outcomes in the order of
 * submission. Knows nothing of restarts; {@link fail} ends it.
 */
export class Channel {
  readonly ring: Ring = Ring.create();
  readonly #pending: Pending[] = [];
  readonly #postedOutputs = new Map<number, readonly WorkerTensor[]>();
  readonly #inputIndex: ReadonlyMap<string, number>;
  readonly #outputIndex: ReadonlyMap<string, number>;
  #submitted = 0;
  #completed = 0;
  #armed = false;
  /** The next answer is complete but for a message that is still on its way. */
  #stalled = false;
  #closed = false;

  constructor(
    private readonly post: (message: unknown, transfer: Transferable[]) => void,
    inputs: readonly string[],
    private readonly outputs: readonly string[],
  ) {
    this.#inputIndex = new Map(inputs.map((name, index) => [name, index]));
    this.#outputIndex = new Map(outputs.map((name, index) => [name, index]));
  }

  /** Executions submitted and not answered. */
  get inFlight(): number {
    return this.#pending.length;
  }

  /** True while another execution may be submitted. */
  get free(): boolean {
    return this.#pending.length < SLOTS;
  }

  /** `performance.now()` when the oldest execution in flight was submitted. */
  get oldest(): number | undefined {
    return this.#pending[0]?.since;
  }

  /**
   * Hands an execution to the worker. The inputs' bytes have been copied when this returns, or moved where they are in
   * `memory`, which is then detached.
   */
  submit(
    inputs: readonly BatchInput[],
    outputs: readonly string[],
    done: Done,
    sequences?: readonly (SequenceRow | undefined)[],
    memory?: ArrayBuffer,
  ): void {
    const area = this.ring.inputArea(this.#submitted);
    let dataBytes = 0;
    let ranks = 0;
    for (const input of inputs) {
      dataBytes += align(input.byteLength);
      ranks += input.shape.length;
    }
    const words = headWords(outputs.length + (sequences?.length ?? 0), inputs.length, ranks);
    if (fits(words, dataBytes)) this.#write(area, inputs, outputs, sequences, words);
    else this.#postInputs(area, inputs, outputs, sequences, memory);
    this.#send(done);
  }

  /** Asks the worker to release its model and end; `done` when it has. */
  release(done: () => void): void {
    this.ring.setKind(this.ring.inputArea(this.#submitted), Kind.Release);
    this.#send(done);
  }

  /** Outputs that did not fit a slot have arrived; their completion follows. */
  received(message: Extract<FromWorker, { kind: "outputs" }>): void {
    this.#postedOutputs.set(message.number, message.tensors);
    this.#stalled = false;
    if (!this.#armed) this.#onWake();
  }

  /** Ends the channel: everything in flight gets `error`. */
  fail(error: Status): void {
    this.#closed = true;
    // wakes the waiter of this channel, so that nothing keeps the process alive
    Atomics.notify(this.ring.counters, COMPLETED);
    for (const { done } of this.#pending.splice(0)) done([], NO_TIME, error);
  }

  #write(
    area: number,
    inputs: readonly BatchInput[],
    outputs: readonly string[],
    sequences: readonly (SequenceRow | undefined)[] | undefined,
    words: number,
  ): void {
    const writer = this.ring.writer(area);
    const list: number[] = [];
    for (let i = 0; i < outputs.length; i++) list.push(this.#outputIndex.get(outputs[i])!);
    if (sequences) { for (let i = 0; i < sequences.length; i++) list.push(encodeRow(sequences[i])); }
    writer.begin(list, inputs.length, words);
    for (let i = 0; i < inputs.length; i++) {
      const { name, datatype, shape, pieces, byteLength } = inputs[i];
      let start = writer.tensor(this.#inputIndex.get(name)!, datatype, shape, byteLength);
      for (let j = 0; j < pieces.length; j++) {
        writer.set(pieces[j], start);
        start += pieces[j].byteLength;
      }
    }
    this.ring.setKind(area, Kind.Inline);
  }

  #postInputs(
    area: number,
    inputs: readonly BatchInput[],
    outputs: readonly string[],
    sequences: readonly (SequenceRow | undefined)[] | undefined,
    memory: ArrayBuffer | undefined,
  ): void {
    const moves = ({ pieces }: BatchInput) => pieces.length === 1 && pieces[0].buffer === memory;
    let copied = 0;
    for (const input of inputs) if (!moves(input)) copied += align(input.byteLength);
    const buffer = new ArrayBuffer(copied);
    const bytes = new Uint8Array(buffer);
    let start = 0;
    const tensors: WorkerTensor[] = inputs.map((input) => {
      const { name, datatype, shape, pieces, byteLength } = input;
      if (moves(input)) return { name, datatype, shape, data: pieces[0] };
      const data = new Uint8Array(buffer, start, byteLength);
      let at = start;
      for (const piece of pieces) {
        bytes.set(piece, at);
        at += piece.byteLength;
      }
      start += align(byteLength);
      return { name, datatype, shape, data };
    });
    const moved = memory !== undefined && inputs.some(moves);
    this.post({ kind: "inputs", tensors, outputs, sequences }, moved ? [buffer, memory] : [buffer]);
    this.ring.setKind(area, Kind.Posted);
  }

  #send(done: Done): void {
    this.#pending.push({ done, since: performance.now() });
    this.#submitted = (this.#submitted + 1) | 0;
    if (!this.#armed && !this.#stalled) this.#arm();
    Atomics.store(this.ring.counters, SUBMITTED, this.#submitted);
    Atomics.notify(this.ring.counters, SUBMITTED);
  }

  /** Waits for the next completion without blocking; armed before the worker can answer. */
  #arm(): void {
    this.#armed = true;
    const waiting = Atomics.waitAsync(this.ring.counters, COMPLETED, this.#completed);
    if (waiting.async) waiting.value.then(this.#onWake);
    else queueMicrotask(this.#onWake);
  }

  readonly #onWake = (): void => {
    this.#armed = false;
    if (this.#closed) return;
    this.#drain();
    if (this.#pending.length > 0 && !this.#armed && !this.#stalled) this.#arm();
  };

  #drain(): void {
    const completed = Atomics.load(this.ring.counters, COMPLETED);
    while (this.#completed !== completed && !this.#closed) {
      const number = this.#completed;
      const area = this.ring.outputArea(number);
      const kind = this.ring.kind(area);
      if (kind === Kind.Posted && !this.#postedOutputs.has(number)) {
        this.#stalled = true;
        return;
      }
      this.#completed = (number + 1) | 0;
      const { done } = this.#pending.shift()!;
      if (kind === Kind.Failed) {
        const { code, text } = this.ring.readFailure(area);
        done([], NO_TIME, new Status(STATUS_CODES[code], text));
      } else {
        const timing = this.ring.timing(area);
        const outputs = kind === Kind.Posted ? this.#postedOutputs.get(number)! : this.#copyOut(area);
        this.#postedOutputs.delete(number);
        done(outputs, timing);
      }
    }
  }

  /** The outputs of a slot, copied at once into memory of their own: the slot is about to be written again. */
  #copyOut(area: number): Tensor[] {
    const { tensors } = this.ring.read(area, this.outputs);
    if (tensors.length === 0) return [];
    const first = tensors[0].data;
    const last = tensors[tensors.length - 1].data;
    const copy = new Uint8Array(last.byteOffset + last.byteLength - first.byteOffset);
    copy.set(new Uint8Array(first.buffer, first.byteOffset, copy.byteLength));
    return tensors.map(({ name, datatype, shape, data }) => {
      const start = data.byteOffset - first.byteOffset;
      return { name, datatype, shape, data: copy.subarray(start, start + data.byteLength) };
    });
  }
}
