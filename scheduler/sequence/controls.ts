import { DATA_TYPES, type DataType } from "../../core/data_type.ts";
import type { CorrelationId } from "../../core/inference.ts";
import { encodeBytes, type Tensor } from "../../core/tensor.ts";
import {
  type ModelSequenceBatching,
  type ModelSequenceBatching_Control as Control,
  ModelSequenceBatching_Control_Kind as Kind,
} from "../../proto/gen/model_config_pb.ts";

/** What the control tensors tell of one row. */
export interface ControlValues {
  readonly start: boolean;
  readonly end: boolean;
  /** False for a row without a request. */
  readonly ready: boolean;
}

/** Kinds in the order in which they are set: where one tensor carries several, the last of them gives its value. */
const ORDER: readonly Kind[] = [
  Kind.CONTROL_SEQUENCE_START,
  Kind.CONTROL_SEQUENCE_END,
  Kind.CONTROL_SEQUENCE_READY,
  Kind.CONTROL_SEQUENCE_CORRID,
];

/**
 * Makes the tensors that tell a model of sequences, for one row at a time: shape `[1]`, with batching `[1, 1]`. Those of
 * the flags are made once and shared.
 */
export class ControlTensors {
  readonly #shape: readonly number[];
  /** By start + 2 · end + 4 · ready. */
  readonly #flags: readonly (readonly Tensor[])[];
  readonly #correlation: { readonly name: string; readonly datatype: DataType } | undefined;
  readonly #none: Tensor | undefined;

  constructor(batching: ModelSequenceBatching, maxBatchSize: number) {
    this.#shape = maxBatchSize > 0 ? [1, 1] : [1];
    const byName = new Map<string, Control>();
    for (const kind of ORDER) {
      for (const { name, control } of batching.controlInput) {
        const found = control.find((each) => each.kind === kind);
        if (found) byName.set(name, found);
      }
    }
    const controls = [...byName];
    this.#flags = Array.from({ length: 8 }, (_, bits) => {
      const values = { start: (bits & 1) !== 0, end: (bits & 2) !== 0, ready: (bits & 4) !== 0 };
      return controls.filter(([, control]) => control.kind !== Kind.CONTROL_SEQUENCE_CORRID)
        .map(([name, control]) => this.#flag(name, control, values));
    });
    const correlation = controls.find(([, control]) => control.kind === Kind.CONTROL_SEQUENCE_CORRID);
    if (correlation) {
      this.#correlation = { name: correlation[0], datatype: DATA_TYPES[correlation[1].dataType]! };
      this.#none = this.correlation(this.#correlation.datatype === "BYTES" ? "" : 0);
    }
  }

  /** The tensors of START, END and READY. */
  flags({ start, end, ready }: ControlValues): readonly Tensor[] {
    return this.#flags[(start ? 1 : 0) + (end ? 2 : 0) + (ready ? 4 : 0)];
  }

  /** The tensor of CORRID; undefined if the model wants none. Ids that are too large for its type are cut to its bits. */
  correlation(id: CorrelationId): Tensor | undefined {
    if (!this.#correlation) return undefined;
    const { name, datatype } = this.#correlation;
    return { name, datatype, shape: this.#shape, data: correlationData(id, datatype) };
  }

  /** All tensors of one request. */
  all(values: ControlValues, id: CorrelationId): readonly Tensor[] {
    const correlation = this.correlation(id);
    return correlation ? [...this.flags(values), correlation] : this.flags(values);
  }

  /** The tensor of CORRID for a row without a request. */
  get noCorrelation(): Tensor | undefined {
    return this.#none;
  }

  #flag(name: string, control: Control, { start, end, ready }: ControlValues): Tensor {
    const value = control.kind === Kind.CONTROL_SEQUENCE_START
      ? start
      : control.kind === Kind.CONTROL_SEQUENCE_END
      ? end
      : ready;
    const index = value ? 1 : 0;
    if (control.int32FalseTrue.length > 0) {
      return this.#tensor(name, "INT32", Int32Array.of(control.int32FalseTrue[index]));
    }
    if (control.fp32FalseTrue.length > 0) {
      return this.#tensor(name, "FP32", Float32Array.of(control.fp32FalseTrue[index]));
    }
    return this.#tensor(name, "BOOL", Uint8Array.of(control.boolFalseTrue[index] ? 1 : 0));
  }

  #tensor(name: string, datatype: DataType, { buffer }: Int32Array | Float32Array | Uint8Array): Tensor {
    return { name, datatype, shape: this.#shape, data: new Uint8Array(buffer) };
  }
}

function correlationData(id: CorrelationId, datatype: DataType): Uint8Array {
  if (datatype === "BYTES") return encodeBytes([String(id)]);
  const value = BigInt(id);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  // little-endian: the low half comes first
  return datatype === "UINT64" || datatype === "INT64" ? bytes : bytes.subarray(0, 4);
}
