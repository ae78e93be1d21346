import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";
import type { Status } from "../../core/status.ts";
import type { Demands } from "../../scheduler/ensemble/demand.ts";
import type { EnsembleDescription } from "../../scheduler/ensemble/description.ts";
import { type EnsembleParts, EnsembleRun } from "../../scheduler/ensemble/ensemble_run.ts";
import { StepGate } from "../../scheduler/ensemble/step_gate.ts";
import type { FindStepModel } from "../../scheduler/ensemble/step_model.ts";

const FREE = new StepGate(0);
const AS_THEY_ARE: ReadonlyMap<string, readonly number[]> = new Map();

/** The steps of a chain as an ensemble of their own. */
export interface Steps {
  readonly part: EnsembleDescription;
  readonly demands: Demands;
}

/** Runs the steps of a chain one by one, as those of any ensemble. @param find finds their models. */
export function runSteps(
  { part, demands }: Steps,
  find: FindStepModel,
  request: InferenceRequest,
  sink: ResponseSink,
): void {
  const parts: EnsembleParts = {
    description: part,
    modelVersion: request.modelVersion,
    find,
    gates: part.steps.map(() => FREE),
    outputDims: AS_THEY_ARE,
    partial: true,
  };
  const end = ({ spent }: EnsembleRun, error: Status | undefined) => {
    request.spent?.add(spent.queueMs, spent);
    sink.finish(error);
  };
  new EnsembleRun(parts, demands.of(request.outputs), request, sink, end).start();
}
