import type { InferenceRequest, ResponseSink } from "../../core/inference.ts";

/** The version of a model that a step of an ensemble runs. */
export interface StepModel {
  /** Keeps the version loaded until {@link letGo}, even where it is replaced or unloaded meanwhile. */
  hold(): void;
  letGo(): void;
  /**
   * Checks a request and runs it on this very version.
   *
   * @throws Status where the request does not fit the model.
   */
  inferHeld(request: InferenceRequest, sink: ResponseSink): void;
}

/**
 * Finds the READY version that a step names.
 *
 * @param version "" for the one that the model's version policy prefers.
 * @throws Status where there is none.
 */
export type FindStepModel = (name: string, version: string) => StepModel;
