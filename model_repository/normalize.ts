import { DATA_TYPES, type DataType, ELEMENT_SIZE } from "../core/data_type.ts";
import {
  batchTooLarge,
  differentBatchSizes,
  dimensionsNotSpecified,
  duplicateInput,
  duplicateOutput,
  incompleteString,
  incompleteStringLength,
  invalidDimensions,
  noBatchDimension,
  tooFewStrings,
  tooManyStrings,
  unknownInput,
  unknownOutput,
  wrongByteSize,
  wrongCorrelationIdType,
  wrongDatatype,
  wrongInputs,
  wrongShape,
} from "../core/errors/request.ts";
import type { InferenceRequest } from "../core/inference.ts";
import { reshaped } from "../core/reshaped.ts";
import type { Tensor } from "../core/tensor.ts";
import { ModelSequenceBatching_Control_Kind } from "../proto/gen/model_config_pb.ts";
import type { ModelConfig, ModelInput } from "../proto/gen/model_config_pb.ts";

/** What a request's input is checked against, worked out once. */
interface InputRule {
  readonly name: string;
  readonly datatype: DataType;
  /** Of one row: without the batch dimension. */
  readonly dims: readonly number[];
  /** What a backend sees instead of `dims`; undefined without a reshape. */
  readonly reshape: readonly number[] | undefined;
  readonly optional: boolean;
}

interface CorrelationRule {
  readonly control: string;
  readonly datatype: DataType;
}

/**
 * Checks requests of one model against its configuration, once and up front: afterwards every part of the server may
 * rely on names, types, shapes and sizes. Order and texts are Triton's.
 */
export class RequestNormalizer {
  readonly #model: string;
  readonly #maxBatchSize: number;
  /** 1 where shapes start with a batch dimension. */
  readonly #offset: number;
  readonly #rules: ReadonlyMap<string, InputRule>;
  readonly #required: number;
  readonly #outputs: ReadonlySet<string>;
  readonly #correlation: CorrelationRule | undefined;

  /** @param config completed: every input has a name, a type and dims. */
  constructor(config: ModelConfig) {
    this.#model = config.name;
    this.#maxBatchSize = config.maxBatchSize;
    this.#offset = config.maxBatchSize > 0 ? 1 : 0;
    this.#rules = new Map(config.input.map((input) => [input.name, ruleOf(input)]));
    // Of the map, not of the list: Triton accepts a configuration that names an input twice.
    this.#required = [...this.#rules.values()].filter((rule) => !rule.optional).length;
    this.#outputs = new Set(config.output.map((output) => output.name));
    this.#correlation = correlationRuleOf(config);
  }

  /**
   * Checks a request, sets its batch size, and gives inputs with a reshape the shape that the backend expects.
   *
   * @throws Status INVALID_ARGUMENT
   */
  normalize(request: InferenceRequest): void {
    const { inputs, outputs } = request;
    if (inputs.length > 1) this.#refuseDuplicateInputs(request);
    if (outputs.length > 0) this.#checkOutputs(request);
    if (inputs.length < this.#required || inputs.length > this.#rules.size) throw this.#wrongInputs(request);
    // Backwards, as Triton's hash map mostly iterates: where several inputs are wrong, the same one is named.
    this.#checkBatch(request);
    for (let i = inputs.length - 1; i >= 0; i--) this.#checkInput(request, i);
    if (this.#correlation && request.correlationId !== 0) this.#checkCorrelationId(request, this.#correlation);
  }

  #refuseDuplicateInputs({ id, inputs }: InferenceRequest): void {
    if (inputs.length > 16) {
      const names = new Set<string>();
      for (const { name } of inputs) {
        if (names.has(name)) throw duplicateInput(id, name);
        names.add(name);
      }
      return;
    }
    for (let i = 1; i < inputs.length; i++) {
      for (let j = 0; j < i; j++) if (inputs[i].name === inputs[j].name) throw duplicateInput(id, inputs[i].name);
    }
  }

  #checkOutputs({ id, outputs }: InferenceRequest): void {
    // A list with duplicates can be as long as a client likes: none longer than the model's is searched quadratically.
    const limit = Math.min(outputs.length, this.#outputs.size + 1);
    for (let i = 1; i < limit; i++) {
      if (outputs.indexOf(outputs[i]) < i) throw duplicateOutput(id, outputs[i]);
    }
    for (let i = 0; i < limit; i++) {
      if (!this.#outputs.has(outputs[i])) throw unknownOutput(this.#model, outputs[i]);
    }
  }

  /** Sets the batch size from the first dimension that all inputs share, and sees to it that none is missing. */
  #checkBatch(request: InferenceRequest): void {
    const { id, inputs } = request;
    let rows = -1;
    let required = 0;
    for (let i = inputs.length - 1; i >= 0; i--) {
      const { name, shape } = inputs[i];
      const rule = this.#rules.get(name);
      if (rule === undefined) throw unknownInput(this.#model, name);
      if (!rule.optional) required++;
      if (this.#offset === 0) continue;
      if (shape.length === 0) throw noBatchDimension(id, this.#model, name);
      if (rows === -1) rows = shape[0];
      else if (shape[0] !== rows) throw differentBatchSizes(id, this.#model, name);
      if (rows < 0) throw dimensionsNotSpecified(id, this.#model, name, shape);
    }
    if (required < this.#required) throw this.#wrongInputs(request);
    if (this.#offset === 1 && rows > this.#maxBatchSize) throw batchTooLarge(id, this.#model, this.#maxBatchSize);
    request.batchSize = rows > 1 ? rows : 1;
  }

  #checkInput(request: InferenceRequest, index: number): void {
    const input = request.inputs[index];
    const { name, datatype, shape, data } = input;
    const rule = this.#rules.get(name)!;
    const { dims } = rule;
    if (datatype !== rule.datatype) {
      throw wrongDatatype(request.id, this.#model, name, datatype, rule.datatype);
    }
    const offset = this.#offset;
    if (shape.length !== dims.length + offset) throw this.#wrongShape(request, input, dims);
    let elements = request.batchSize;
    for (let i = 0; i < dims.length; i++) {
      const dim = shape[i + offset];
      if (dim < 0) {
        if (dim === -1) throw dimensionsNotSpecified(request.id, this.#model, name, shape);
        throw invalidDimensions(name, shape);
      }
      if (dims[i] !== -1 && dims[i] !== dim) throw this.#wrongShape(request, input, dims);
      elements *= dim;
    }
    if (datatype === "BYTES") this.#checkStrings(request.id, input, elements);
    else if (data.byteLength !== elements * ELEMENT_SIZE[datatype]) {
      throw wrongByteSize(request.id, this.#model, name, elements * ELEMENT_SIZE[datatype], data.byteLength);
    }
    if (rule.reshape !== undefined) {
      request.inputs[index] = { name, datatype, shape: reshaped(shape, dims, rule.reshape, offset), data };
    } else if (offset === 1 && shape[0] === 0) {
      // No rows and no bytes: to Triton and to a batch it is one row of nothing.
      request.inputs[index] = { name, datatype, shape: [1, ...shape.slice(1)], data };
    }
  }

  /** Walks the length prefixes: as many elements as the shape says, and nothing after the last. */
  #checkStrings(id: string, { name, data }: Tensor, expected: number): void {
    const end = data.length;
    let count = 0;
    let at = 0;
    while (at < end) {
      if (end - at < 4) throw incompleteStringLength(id, this.#model, name, end - at);
      const length = (data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24) >>> 0;
      if (++count > expected) throw tooManyStrings(id, this.#model, name, expected, count);
      at += 4;
      if (length > end - at && count === expected) throw incompleteString(name, length, end - at);
      at += length;
    }
    if (count !== expected) throw tooFewStrings(id, this.#model, name, expected, count);
  }

  #checkCorrelationId({ id, correlationId }: InferenceRequest, { control, datatype }: CorrelationRule): void {
    const got = typeof correlationId === "string" ? "BYTES" : "UINT64";
    if ((got === "BYTES") !== (datatype === "BYTES")) {
      throw wrongCorrelationIdType(id, this.#model, control, got, datatype);
    }
  }

  #wrongInputs({ id, inputs }: InferenceRequest) {
    const got = inputs.map(({ name }) => name);
    const missing = [...this.#rules.values()]
      .filter(({ name, optional }) => !optional && !got.includes(name))
      .map(({ name }) => name);
    const unexpected = got.filter((name) => !this.#rules.has(name));
    const total = this.#rules.size;
    return wrongInputs(id, this.#model, { required: this.#required, total, got, missing, unexpected });
  }

  #wrongShape({ id }: InferenceRequest, { name, shape }: Tensor, dims: readonly number[]) {
    const batching = this.#offset === 1;
    return wrongShape(id, this.#model, name, batching ? [-1, ...dims] : dims, shape, batching);
  }
}

function ruleOf(input: ModelInput): InputRule {
  return {
    name: input.name,
    datatype: DATA_TYPES[input.dataType]!,
    dims: input.dims.map(Number),
    reshape: input.reshape?.shape.map(Number),
    optional: input.optional,
  };
}

function correlationRuleOf(config: ModelConfig): CorrelationRule | undefined {
  if (config.schedulingChoice.case !== "sequenceBatching") return undefined;
  for (const { name, control } of config.schedulingChoice.value.controlInput) {
    const found = control.find(({ kind }) => kind === ModelSequenceBatching_Control_Kind.CONTROL_SEQUENCE_CORRID);
    if (found) return { control: name, datatype: DATA_TYPES[found.dataType] ?? "UINT64" };
  }
  return undefined;
}
