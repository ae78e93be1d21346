import { configTypeName, configTypeOf, DATA_TYPES, type DataType } from "../../core/data_type.ts";
import {
  repeatBatching,
  repeatNotDecoupled,
  repeatTensorCount,
  repeatTensorName,
  repeatTensorShape,
  repeatTensorType,
} from "../../core/errors/repeat.ts";
import type { ModelConfig } from "../../proto/gen/model_config_pb.ts";

/** A tensor of the interface that every repeat model has. */
interface Expected {
  readonly name: string;
  readonly datatype: DataType;
  /** Free where undefined. */
  readonly length?: bigint;
}

const INPUTS: readonly Expected[] = [
  { name: "IN", datatype: "INT32" },
  { name: "DELAY", datatype: "UINT32" },
  { name: "WAIT", datatype: "UINT32", length: 1n },
];
const OUTPUTS: readonly Expected[] = [
  { name: "OUT", datatype: "INT32", length: 1n },
  { name: "IDX", datatype: "UINT32", length: 1n },
];
const POSITIONS = ["first", "second", "third"];

/** A tensor as a configuration has it. */
interface Configured {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly bigint[];
}

/** @throws Status INVALID_ARGUMENT where the configuration is not that of a repeat model. */
export function checkConfig(config: ModelConfig): void {
  if (config.maxBatchSize !== 0) throw repeatBatching(config.name);
  if (!config.modelTransactionPolicy?.decoupled) throw repeatNotDecoupled(config.name);
  checkTensors("input", config.input, INPUTS);
  checkTensors("output", config.output, OUTPUTS);
  const [values, delays] = config.input;
  if (values.dims[0] !== delays.dims[0]) {
    throw repeatTensorShape("IN and DELAY", `match, both being [${values.dims}]`, delays.dims);
  }
}

function checkTensors(kind: string, tensors: readonly Configured[], expected: readonly Expected[]): void {
  if (tensors.length !== expected.length) throw repeatTensorCount(kind, expected.length, tensors.length);
  tensors.forEach(({ name, dataType, dims }, i) => {
    const { name: expectedName, datatype, length } = expected[i];
    if (name !== expectedName) throw repeatTensorName(POSITIONS[i], kind, expectedName, name);
    if (dims.length !== 1) throw repeatTensorShape(name, "have one dimension", dims);
    if (length !== undefined && dims[0] !== length) throw repeatTensorShape(name, `be [${length}]`, dims);
    if (dataType !== configTypeOf(datatype)) {
      const given = DATA_TYPES[dataType];
      throw repeatTensorType(name, datatype, given ? configTypeName(given) : "TYPE_INVALID");
    }
  });
}
