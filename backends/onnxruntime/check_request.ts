import { correlationIdWithNul } from "../../core/errors/onnxruntime_execution.ts";
import type { InferenceRequest } from "../../core/inference.ts";
import {
  DataType,
  type ModelConfig,
  ModelSequenceBatching_Control_Kind as Kind,
} from "../../proto/gen/model_config_pb.ts";
import type { LoadedModel } from "../backend.ts";
import { checkStringInput } from "./runtime/strings.ts";

/**
 * What `LoadedModel.check` does for a model: ONNX Runtime takes strings that are UTF-8 and have no NUL, and what one
 * request sends must not fail those that share its batch. Undefined for a model that takes no strings.
 *
 * @param config completed.
 */
export function requestCheck(config: ModelConfig): LoadedModel["check"] {
  const { name } = config;
  const strings = config.input.some(({ dataType }) => dataType === DataType.TYPE_STRING);
  const control = stringCorrelationControl(config);
  if (!strings && control === undefined) return undefined;
  return (request) => {
    if (strings) checkStrings(request, name);
    const { correlationId } = request;
    if (control !== undefined && typeof correlationId === "string" && correlationId.includes("\0")) {
      throw correlationIdWithNul(control, name);
    }
  };
}

function checkStrings({ inputs }: InferenceRequest, model: string): void {
  for (let i = 0; i < inputs.length; i++) if (inputs[i].datatype === "BYTES") checkStringInput(inputs[i], model);
}

/** The input through which the model is given correlation ids that are strings. */
function stringCorrelationControl({ schedulingChoice }: ModelConfig): string | undefined {
  if (schedulingChoice.case !== "sequenceBatching") return undefined;
  return schedulingChoice.value.controlInput.find(({ control }) =>
    control.some(({ kind, dataType }) => kind === Kind.CONTROL_SEQUENCE_CORRID && dataType === DataType.TYPE_STRING)
  )?.name;
}
