import {
  cacheWithSequences,
  controlKindTwice,
  controlTensorTwice,
  controlValuePair,
  controlWithoutName,
  controlWithoutValues,
  controlWithSeveralValues,
  correlationType,
  correlationWithValues,
  initialStateDimension,
  initialStateRank,
  initialStateTwice,
  initialStateVariable,
  initialStateWithoutData,
  initialStateWithoutName,
  sequenceSizeNotPositive,
  sequenceSizeTooLarge,
  slotUtilization,
} from "../../../core/errors/load.ts";
import {
  DataType,
  type ModelConfig,
  type ModelSequenceBatching,
  type ModelSequenceBatching_Control as Control,
  ModelSequenceBatching_Control_Kind as Kind,
  ModelSequenceBatching_Control_KindSchema as KindSchema,
  type ModelSequenceBatching_State as State,
} from "../../../proto/gen/model_config_pb.ts";

/** The kinds in the order in which they are checked; the flags first. */
const FLAGS = [Kind.CONTROL_SEQUENCE_START, Kind.CONTROL_SEQUENCE_END, Kind.CONTROL_SEQUENCE_READY];
const CORRELATION_TYPES: readonly DataType[] = [
  DataType.TYPE_UINT64,
  DataType.TYPE_INT64,
  DataType.TYPE_UINT32,
  DataType.TYPE_INT32,
  DataType.TYPE_STRING,
];

/** Checks the sequence batcher: its control tensors, its strategy, and that no response cache is asked for. */
export function validateSequenceBatching(config: ModelConfig, batching: ModelSequenceBatching): void {
  if (config.responseCache?.enable) throw cacheWithSequences(config.name);
  validateControlTensors(config.name, batching);
  for (const kind of FLAGS) {
    const control = findControl(config.name, batching, kind);
    if (control) validateFlag(config.name, control);
  }
  const correlation = findControl(config.name, batching, Kind.CONTROL_SEQUENCE_CORRID);
  if (correlation) validateCorrelation(config.name, correlation);
  validateStrategy(config, batching);
}

function validateControlTensors(model: string, batching: ModelSequenceBatching): void {
  const seen = new Set<string>();
  for (const { name } of batching.controlInput) {
    if (name === "") throw controlWithoutName(model);
    if (seen.has(name)) throw controlTensorTwice(name, model);
    seen.add(name);
  }
}

function findControl(model: string, batching: ModelSequenceBatching, kind: Kind): Control | undefined {
  const found = batching.controlInput.flatMap((input) => input.control.filter((control) => control.kind === kind));
  if (found.length > 1) throw controlKindTwice(KindSchema.value[kind].name, model);
  return found[0];
}

function validateFlag(model: string, control: Control): void {
  const kind = KindSchema.value[control.kind].name;
  const pairs = Object.entries({
    int32_false_true: control.int32FalseTrue.length,
    fp32_false_true: control.fp32FalseTrue.length,
    bool_false_true: control.boolFalseTrue.length,
  }).filter(([, length]) => length > 0);
  if (pairs.length === 0) throw controlWithoutValues(kind, model);
  if (pairs.length > 1) throw controlWithSeveralValues(kind, model);
  if (pairs[0][1] !== 2) throw controlValuePair(pairs[0][0], kind, model);
}

function validateCorrelation(model: string, control: Control): void {
  const kind = KindSchema.value[control.kind].name;
  if (control.int32FalseTrue.length || control.fp32FalseTrue.length || control.boolFalseTrue.length) {
    throw correlationWithValues(kind, model);
  }
  if (!CORRELATION_TYPES.includes(control.dataType)) throw correlationType(kind, model);
}

function validateStrategy(config: ModelConfig, batching: ModelSequenceBatching): void {
  const strategy = batching.strategyChoice;
  if (strategy.case === "oldest") {
    for (const size of strategy.value.preferredBatchSize) {
      if (size <= 0) throw sequenceSizeNotPositive(config.name);
      if (size > config.maxBatchSize) throw sequenceSizeTooLarge(config.name, size, config.maxBatchSize);
    }
  } else if (strategy.case === "direct") {
    const { minimumSlotUtilization: utilization } = strategy.value;
    // Written so that NaN is refused as well.
    if (!(utilization >= 0 && utilization <= 1)) throw slotUtilization(config.name);
  }
}

/** Checks what each implicit state starts from. */
export function validateStates(batching: ModelSequenceBatching): void {
  for (const state of batching.state) validateState(state);
}

function validateState({ inputName, dims, initialState }: State): void {
  if (initialState.length > 1) throw initialStateTwice(inputName, initialState.length);
  for (const initial of initialState) {
    if (initial.name === "") throw initialStateWithoutName(inputName);
    if (initial.dims.length !== dims.length) throw initialStateRank(inputName, initial.dims.length, dims.length);
    initial.dims.forEach((dim, index) => {
      if (dim === -1n) throw initialStateVariable(inputName);
      if (dims[index] !== -1n && dim !== dims[index]) throw initialStateDimension(inputName, dim, dims[index]);
    });
    if (initial.stateData.case === undefined) throw initialStateWithoutData(inputName);
  }
}
