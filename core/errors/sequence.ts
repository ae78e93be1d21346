/** Errors of sequences: ids, START, waiting for a slot, implicit state. */
import { declare } from "./declare.ts";

type Id = number | bigint | string;

export const sequenceWithoutId = declare(
  "INVALID_ARGUMENT",
  (model: string) => `inference request to model '${model}' must specify a non-zero or non-empty correlation ID`,
);

export const sequenceBatchSize = declare(
  "INVALID_ARGUMENT",
  (model: string, got: number) =>
    `inference request to model '${model}' must specify batch-size 1 due to requirements of sequence batcher, got ${got}`,
);

const notStarted = (id: Id, model: string) =>
  `inference request for sequence ${id} to model '${model}' must specify the START flag on the first request of the ` +
  `sequence`;

export const sequenceNotStarted = declare("INVALID_ARGUMENT", notStarted);

export const sequenceExpired = declare(
  "INVALID_ARGUMENT",
  (id: Id, model: string, idleMicros: number) =>
    `${notStarted(id, model)}: sequence ${id} expired after ${idleMicros} microseconds without a request. Start it ` +
    `again, and send its requests sooner or raise 'max_sequence_idle_microseconds'`,
);

export const sequenceLost = declare(
  "UNAVAILABLE",
  (id: Id, model: string) =>
    `sequence ${id} of model '${model}' was lost when the worker that held its state was restarted. Start it again ` +
    `with the START flag`,
);

export const sequenceTimedOut = declare(
  "UNAVAILABLE",
  () => "timeout of the corresponding sequence has been expired",
);

export const sequenceCancelled = declare(
  "CANCELLED",
  () => "Request cancelled: an earlier request of its sequence was cancelled before it had begun to execute",
);

export const rescheduleNotIterative = declare(
  "INTERNAL",
  (model: string) =>
    `model '${model}' asked to be executed again for a request, which only a sequence batcher with ` +
    `'iterative_sequence: true' does`,
);

// Found while loading: what a state starts from.

export const initialStateType = declare(
  "INVALID_ARGUMENT",
  (input: string, got: string, expected: string) =>
    `'initial_state' of state input '${input}' has data type ${got}, expected ${expected} as the state has`,
);

export const initialStateTooShort = declare(
  "INVALID_ARGUMENT",
  (input: string, file: string, expected: number, got: number) =>
    `initial_state setting expects ${expected} bytes for state input '${input}', but the data provided from ${file} ` +
    `only has ${got} bytes`,
);

export const initialStateStrings = declare(
  "INVALID_ARGUMENT",
  (input: string, file: string, expected: number) =>
    `initial_state setting expects ${expected} strings for state input '${input}', each with its length in 4 bytes ` +
    `before it; ${file} does not hold them`,
);

// Found while executing.

export const stateMissing = declare(
  "INTERNAL",
  (model: string, slot: number) =>
    `model '${model}' has no state for slot ${slot}: the first request of its sequence did not execute. Start the ` +
    `sequence again with the START flag`,
);

export const stateNotSplittable = declare(
  "INTERNAL",
  (output: string, model: string, shape: readonly number[], rows: number) =>
    `state output '${output}' of model '${model}' has shape [${shape}], expected ${rows} rows, one per row of the ` +
    `batch. Set max_batch_size to 0 if the state has no batch dimension`,
);

export const stateOutputsDiffer = declare(
  "INTERNAL",
  (output: string, model: string) =>
    `output '${output}' of model '${model}' has another shape for each length of the sequences' states, which one ` +
    `batch cannot carry. Set max_batch_size to 1`,
);
