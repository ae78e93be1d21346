import type { StatusCode } from "../../core/status.ts";
import type { SequenceRow } from "../backend.ts";
import type { WorkerModelInfo, WorkerTensor } from "./protocol.ts";

/** First message to a worker: what to load, and the memory to answer in. */
export interface StartMessage {
  readonly kind: "start";
  readonly ring: SharedArrayBuffer;
  readonly options: unknown;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Sleep in `Atomics.wait` between executions: for runtimes that need no event loop. */
  readonly blocking: boolean;
}

/** Inputs of an execution that do not fit its slot. */
export interface InputsMessage {
  readonly kind: "inputs";
  readonly tensors: readonly WorkerTensor[];
  readonly outputs: readonly string[];
  readonly sequences: readonly (SequenceRow | undefined)[] | undefined;
}

export type ToWorker = StartMessage | InputsMessage;

/** A failure, as it crosses threads: `name` is the class of the error that the model threw. */
export interface FailureMessage {
  readonly kind: "failed";
  readonly code: StatusCode;
  readonly name: string;
  readonly text: string;
}

export type FromWorker =
  | { readonly kind: "ready"; readonly info: WorkerModelInfo }
  | { readonly kind: "outputs"; readonly number: number; readonly tensors: readonly WorkerTensor[] }
  | { readonly kind: "log"; readonly severity: "info" | "warning"; readonly text: string }
  | FailureMessage;

/** Codes as numbers, for failures that travel through the ring. */
export const STATUS_CODES: readonly StatusCode[] = [
  "UNKNOWN",
  "INTERNAL",
  "NOT_FOUND",
  "INVALID_ARGUMENT",
  "UNAVAILABLE",
  "UNSUPPORTED",
  "ALREADY_EXISTS",
  "CANCELLED",
];
