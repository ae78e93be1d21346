import { joinBytes } from "../../core/bytes.ts";
import { type DataType, ELEMENT_SIZE } from "../../core/data_type.ts";
import { stateMissing, stateNotSplittable, stateOutputsDiffer } from "../../core/errors/sequence.ts";
import { elementCount } from "../../core/tensor.ts";
import type { SequenceRow } from "../backend.ts";
import type { WorkerModel, WorkerModelInfo, WorkerTensor } from "../worker/protocol.ts";

/** One implicit state: an input that an earlier execution's output feeds. Plain data. */
export interface StateSpec {
  readonly inputName: string;
  readonly outputName: string;
  readonly datatype: DataType;
  /** What a sequence starts from: the shape of one row, without a batch dimension. */
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The part of a backend's load options that {@link StatefulModel} reads. */
export interface StatefulOptions {
  /** For error messages. */
  readonly modelName: string;
  readonly states?: readonly StateSpec[];
  /** Tensors have a batch dimension. */
  readonly batching?: boolean;
}

/** A state of one sequence. */
interface StateValue {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

type Rows = readonly (SequenceRow | undefined)[];
type Outcome = WorkerTensor[] | Promise<WorkerTensor[]>;

/**
 * Keeps the implicit states of sequences beside the model that they belong to: a row of an execution gets the state that
 * its slot holds, and what the model makes of it is kept for the next. A model without states is passed through.
 *
 * Rows whose states have different shapes run one after the other. An execution that fails changes no state, but that
 * sequences which start with it have their initial one.
 */
export class StatefulModel<Options extends StatefulOptions> implements WorkerModel<Options> {
  #modelName = "";
  #states: readonly StateSpec[] = [];
  #batching = false;
  /** By slot, the states in the order of {@link #states}. */
  readonly #slots = new Map<number, readonly StateValue[]>();

  constructor(private readonly model: WorkerModel<Options>) {}

  load(options: Options): Promise<WorkerModelInfo> {
    this.#modelName = options.modelName;
    this.#states = options.states ?? [];
    this.#batching = options.batching ?? false;
    return this.model.load(options);
  }

  run(inputs: readonly WorkerTensor[], outputs: readonly string[], sequences?: Rows): Outcome {
    if (this.#states.length === 0) return this.model.run(inputs, outputs);
    if (!sequences) return this.model.run(this.#withInitialStates(inputs), outputs);
    const values = this.#valuesOf(sequences);
    if (isUniform(values)) return this.#runGroup(inputs, outputs, sequences, values);
    return this.#runGroups(inputs, outputs, sequences, values);
  }

  release(): Promise<void> {
    this.#slots.clear();
    return this.model.release();
  }

  /** For executions of no sequence, as warmups are: states that they do not bring start from the beginning. */
  #withInitialStates(inputs: readonly WorkerTensor[]): WorkerTensor[] {
    const rows = this.#batching ? inputs[0]?.shape[0] ?? 1 : 1;
    const missing = this.#states.filter(({ inputName }) => !inputs.some(({ name }) => name === inputName));
    return [...inputs, ...missing.map((spec) => this.#gather(spec, new Array(rows).fill(spec)))];
  }

  /** The states of each row; undefined for an empty row. */
  #valuesOf(sequences: Rows): (readonly StateValue[] | undefined)[] {
    return sequences.map((row) => {
      if (!row) return undefined;
      if (row.start) this.#slots.set(row.slot, this.#states);
      const values = this.#slots.get(row.slot);
      if (!values) throw stateMissing(this.#modelName, row.slot);
      return values;
    });
  }

  /** One run for rows whose states have the same shapes. */
  #runGroup(
    inputs: readonly WorkerTensor[],
    outputs: readonly string[],
    sequences: Rows,
    values: readonly (readonly StateValue[] | undefined)[],
  ): Outcome {
    const states = this.#states;
    const given = inputs.slice();
    const asked = outputs.slice();
    for (let i = 0; i < states.length; i++) {
      given.push(this.#gather(states[i], values.map((row) => row?.[i])));
      if (!outputs.includes(states[i].outputName)) asked.push(states[i].outputName);
    }
    const results = this.model.run(given, asked);
    return results instanceof Promise
      ? results.then((tensors) => this.#keep(tensors, outputs, sequences))
      : this.#keep(results, outputs, sequences);
  }

  /** The input tensor of a state. */
  #gather({ inputName: name, datatype }: StateSpec, rows: readonly (StateValue | undefined)[]): WorkerTensor {
    const { shape } = rows.find((row) => row !== undefined)!;
    if (!this.#batching) return { name, datatype, shape, data: rows[0]!.data };
    const full = [rows.length, ...shape];
    if (rows.length === 1) return { name, datatype, shape: full, data: rows[0]!.data };
    // zeros are empty strings as well: a length of 0 for each
    const emptyBytes = elementCount(shape) * (datatype === "BYTES" ? 4 : ELEMENT_SIZE[datatype]);
    let length = 0;
    for (let i = 0; i < rows.length; i++) length += rows[i]?.data.length ?? emptyBytes;
    const data = new Uint8Array(length);
    let at = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      if (row) data.set(row.data, at);
      at += row?.data.length ?? emptyBytes;
    }
    return { name, datatype, shape: full, data };
  }

  /** Puts the new states where they belong and gives the outputs that were asked for. */
  #keep(tensors: readonly WorkerTensor[], outputs: readonly string[], sequences: Rows): WorkerTensor[] {
    const parts = this.#states.map(({ outputName }) => {
      const tensor = tensors.find(({ name }) => name === outputName)!;
      return this.#split(tensor, sequences.length, outputs.includes(outputName));
    });
    for (let row = 0; row < sequences.length; row++) {
      const sequence = sequences[row];
      if (!sequence) continue;
      if (sequence.end) this.#slots.delete(sequence.slot);
      else this.#slots.set(sequence.slot, parts.map((rows) => rows[row]));
    }
    return outputs.map((name) => tensors.find((tensor) => tensor.name === name)!);
  }

  /** The state of each row, in memory of its own: the tensor's may be large, or on its way to the client. */
  #split({ name, datatype, shape, data }: WorkerTensor, rows: number, shared: boolean): StateValue[] {
    if (!this.#batching) return [{ shape, data: shared ? data.slice() : data }];
    if (shape[0] !== rows) throw stateNotSplittable(name, this.#modelName, shape, rows);
    const rowShape = shape.slice(1);
    if (rows === 1) return [{ shape: rowShape, data: shared ? data.slice() : data }];
    const parts = splitRows(data, datatype, rows, elementCount(rowShape));
    return parts.map((part) => ({ shape: rowShape, data: part.slice() }));
  }

  /** Runs rows whose states have different shapes group by group, and joins their outputs. */
  async #runGroups(
    inputs: readonly WorkerTensor[],
    outputs: readonly string[],
    sequences: Rows,
    values: readonly (readonly StateValue[] | undefined)[],
  ): Promise<WorkerTensor[]> {
    const groups = Map.groupBy(sequences.keys(), (row) => shapesText(values[row] ?? values.find((each) => each)!));
    const rowInputs = inputs.map((input) => splitTensor(input, sequences.length));
    const results: WorkerTensor[][] = new Array(sequences.length);
    for (const rows of groups.values()) {
      const given = rowInputs.map((parts) => joinTensors(rows.map((row) => parts[row]))!);
      const group = rows.map((row) => sequences[row]);
      const tensors = await this.#runGroup(given, outputs, group, rows.map((row) => values[row]));
      const parts = tensors.map((tensor) => splitTensor(tensor, rows.length));
      rows.forEach((row, index) => results[row] = parts.map((part) => part[index]));
    }
    return outputs.map((name, index) => {
      const joined = joinTensors(results.map((tensors) => tensors[index]));
      if (!joined) throw stateOutputsDiffer(name, this.#modelName);
      return joined;
    });
  }
}

/** True if the states of all rows have the same shapes. */
function isUniform(values: readonly (readonly StateValue[] | undefined)[]): boolean {
  let first: readonly StateValue[] | undefined;
  for (const row of values) {
    if (!row || row === first) continue;
    if (!first) first = row;
    else for (let i = 0; i < row.length; i++) if (!sameShape(row[i].shape, first[i].shape)) return false;
  }
  return true;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function shapesText(values: readonly StateValue[]): string {
  return values.map(({ shape }) => shape.join()).join(";");
}

function splitTensor({ name, datatype, shape, data }: WorkerTensor, rows: number): WorkerTensor[] {
  const rowShape = shape.slice(1);
  return splitRows(data, datatype, rows, elementCount(rowShape)).map((part) => {
    return { name, datatype, shape: [1, ...rowShape], data: part };
  });
}

/** Views of the bytes of each row. */
function splitRows(data: Uint8Array, datatype: DataType, rows: number, elements: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let start = 0;
  for (let row = 0; row < rows; row++) {
    let end = start;
    if (datatype === "BYTES") { for (let i = 0; i < elements; i++) end += 4 + view.getUint32(end, true); }
    else end += elements * ELEMENT_SIZE[datatype];
    parts.push(data.subarray(start, end));
    start = end;
  }
  return parts;
}

/** The rows as one tensor, in memory of its own; undefined where their shapes differ. */
function joinTensors(rows: readonly WorkerTensor[]): WorkerTensor | undefined {
  const { name, datatype, shape } = rows[0];
  for (const row of rows) if (!sameShape(row.shape, shape)) return undefined;
  const data = joinBytes(rows.map((row) => row.data));
  return { name, datatype, shape: [rows.length, ...shape.slice(1)], data };
}
