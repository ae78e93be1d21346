import { DATA_TYPES, type DataType } from "../../core/data_type.ts";
import type { ExecutionTiming } from "../backend.ts";
import type { WorkerTensor } from "./protocol.ts";

/**
 * The memory that the main thread shares with one worker: a ring of slots, one per execution, each with room for its
 * inputs and its outputs. Executions are numbered; number n uses slot n mod {@link SLOTS}. The main thread writes a
 * slot, then counts `SUBMITTED` up; the worker answers in the same slot, then counts `COMPLETED` up. Both sides sleep on
 * the other's counter. A slot is written again only after its answer has been read.
 */
export const SLOTS = 8;
/** Bytes for the inputs of an execution, and as many for its outputs; larger ones are posted as messages. */
export const AREA_BYTES = 64 * 1024;

/** Positions of the counters in {@link Ring.counters}. */
export const SUBMITTED = 0;
export const COMPLETED = 1;

const COUNTER_BYTES = 64;
const SLOT_BYTES = 2 * AREA_BYTES;

/** What a slot asks for or answers: its first word. */
export const enum Kind {
  /** Tensors are in the slot. */
  Inline = 1,
  /** Tensors follow or came before in a message with the execution's number. */
  Posted = 2,
  /** Release the model and end. */
  Release = 3,
  /** The execution failed; the text is in the slot. */
  Failed = 4,
}

const INDEX_OF = new Map(DATA_TYPES.map((datatype, index) => [datatype, index]));
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Views of one shared buffer, made on either side. */
export class Ring {
  readonly counters: Int32Array;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #floats: Float64Array;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.counters = new Int32Array(buffer, 0, COUNTER_BYTES / 4);
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#floats = new Float64Array(buffer);
  }

  static create(): Ring {
    return new Ring(new SharedArrayBuffer(COUNTER_BYTES + SLOTS * SLOT_BYTES));
  }

  /** Start of the area that execution `number` uses for its inputs. */
  inputArea(number: number): number {
    return COUNTER_BYTES + ((number & 0x7fffffff) % SLOTS) * SLOT_BYTES;
  }

  /** Start of the area that execution `number` uses for its outputs. */
  outputArea(number: number): number {
    return this.inputArea(number) + AREA_BYTES;
  }

  kind(area: number): Kind {
    return this.#words[area >> 2];
  }

  setKind(area: number, kind: Kind): void {
    this.#words[area >> 2] = kind;
  }

  /** The three phases of an execution; they stand behind the kind and a spare word. */
  setTiming(area: number, timing: ExecutionTiming): void {
    const at = (area >> 3) + 1;
    this.#floats[at] = timing.inputMs;
    this.#floats[at + 1] = timing.inferMs;
    this.#floats[at + 2] = timing.outputMs;
  }

  timing(area: number): ExecutionTiming {
    const at = (area >> 3) + 1;
    return { inputMs: this.#floats[at], inferMs: this.#floats[at + 1], outputMs: this.#floats[at + 2] };
  }

  /** A writer of tensors into `area`. */
  writer(area: number): AreaWriter {
    return new AreaWriter(this.#words, this.#bytes, area);
  }

  /** The list of numbers and the tensors that a writer left in `area`. `names` gives each tensor's name. */
  read(area: number, names: readonly string[]): { list: number[]; tensors: WorkerTensor[] } {
    const words = this.#words;
    let at = (area + HEAD_BYTES) >> 2;
    const list: number[] = [];
    for (let count = words[at++]; count > 0; count--) list.push(words[at++]);
    const tensors: WorkerTensor[] = [];
    for (let count = words[at++]; count > 0; count--) {
      const name = names[words[at]];
      const datatype = DATA_TYPES[words[at + 1]] as DataType;
      const start = words[at + 2];
      const length = words[at + 3];
      const rank = words[at + 4];
      at += 5;
      const shape: number[] = [];
      for (let i = 0; i < rank; i++) shape.push(words[at++]);
      tensors.push({ name, datatype, shape, data: this.#bytes.subarray(start, start + length) });
    }
    return { list, tensors };
  }

  /** Leaves an error in `area`: its code as a number of the caller's and its text, cut to what fits. */
  writeFailure(area: number, code: number, text: string): void {
    this.setKind(area, Kind.Failed);
    const at = (area + HEAD_BYTES) >> 2;
    const encoded = encoder.encode(text).subarray(0, AREA_BYTES - HEAD_BYTES - 8);
    this.#words[at] = code;
    this.#words[at + 1] = encoded.length;
    this.#bytes.set(encoded, (at + 2) << 2);
  }

  readFailure(area: number): { code: number; text: string } {
    const at = (area + HEAD_BYTES) >> 2;
    const start = (at + 2) << 2;
    return { code: this.#words[at], text: decoder.decode(this.#bytes.slice(start, start + this.#words[at + 1])) };
  }
}

/** Kind, spare word and timing come before the tensors of an area. */
const HEAD_BYTES = 32;

/**
 * Writes a list of numbers and tensors into an area. Sizes are asked first ({@link areaBytes}), so writing never runs
 * over. Call `list`, then `count`, then per tensor `tensor` and `append`.
 */
export class AreaWriter {
  #at: number;
  #data: number;

  constructor(private readonly words: Int32Array, private readonly bytes: Uint8Array, private readonly area: number) {
    this.#at = (area + HEAD_BYTES) >> 2;
    this.#data = 0;
  }

  /** @param headWords words that the list and the descriptors of all tensors take together. */
  begin(list: readonly number[], tensors: number, headWords: number): void {
    this.#data = align(this.area + HEAD_BYTES + headWords * 4);
    this.words[this.#at++] = list.length;
    for (let i = 0; i < list.length; i++) this.words[this.#at++] = list[i];
    this.words[this.#at++] = tensors;
  }

  /** Describes the next tensor and returns where its bytes go. */
  tensor(nameIndex: number, datatype: DataType, shape: readonly number[], length: number): number {
    const { words } = this;
    const start = this.#data;
    words[this.#at] = nameIndex;
    words[this.#at + 1] = INDEX_OF.get(datatype)!;
    words[this.#at + 2] = start;
    words[this.#at + 3] = length;
    words[this.#at + 4] = shape.length;
    this.#at += 5;
    for (let i = 0; i < shape.length; i++) words[this.#at++] = shape[i];
    this.#data = align(start + length);
    return start;
  }

  set(data: Uint8Array, start: number): void {
    this.bytes.set(data, start);
  }
}

/** Words that the head of an area needs for a list and tensors of these ranks. */
export function headWords(listLength: number, tensors: number, ranks: number): number {
  return 2 + listLength + tensors * 5 + ranks;
}

/** True if tensors with `dataBytes` in all (each rounded up to 8) fit an area with such a head. */
export function fits(words: number, dataBytes: number): boolean {
  return HEAD_BYTES + words * 4 + 8 + dataBytes <= AREA_BYTES;
}

/** Rounded up to the alignment of the widest element. */
export function align(bytes: number): number {
  return (bytes + 7) & ~7;
}
