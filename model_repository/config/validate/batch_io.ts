import {
  batchInputSources,
  batchInputType,
  batchOutputSources,
  batchTargetTwice,
  unknownBatchSource,
  unknownBatchTarget,
} from "../../../core/errors/load.ts";
import {
  BatchInput_KindSchema,
  BatchOutput_KindSchema,
  DataType,
  type ModelConfig,
} from "../../../proto/gen/model_config_pb.ts";

/** Checks the tensors that the server makes for a batch, and the outputs that it scatters. */
export function validateBatchTensors(config: ModelConfig): void {
  const inputs = config.input.map((input) => input.name);
  const outputs = config.output.map((output) => output.name);
  const checkSources = (sources: readonly string[]): void => {
    const unknown = sources.find((source) => !inputs.includes(source));
    if (unknown !== undefined) throw unknownBatchSource(config.name, unknown, inputs);
  };
  for (const { kind, sourceInput, dataType } of config.batchInput) {
    if (sourceInput.length !== 1) {
      throw batchInputSources(config.name, BatchInput_KindSchema.value[kind].name, sourceInput.length);
    }
    if (dataType !== DataType.TYPE_INT32 && dataType !== DataType.TYPE_FP32) throw batchInputType(config.name);
    checkSources(sourceInput);
  }
  for (const { kind, sourceInput, targetName } of config.batchOutput) {
    if (sourceInput.length !== 1) {
      throw batchOutputSources(config.name, BatchOutput_KindSchema.value[kind].name, sourceInput.length);
    }
    checkSources(sourceInput);
    targetName.forEach((target, index) => {
      if (!outputs.includes(target)) throw unknownBatchTarget(config.name, target, outputs);
      if (targetName.indexOf(target) !== index) throw batchTargetTwice(config.name, target);
    });
  }
}
