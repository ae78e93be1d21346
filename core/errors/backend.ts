/** Errors of executions: what a backend or its worker reports while a request runs. */
import { declare } from "./declare.ts";

export const outputNotSplittable = declare(
  "INTERNAL",
  (output: string, model: string, shape: readonly number[], rows: number) =>
    `output '${output}' of model '${model}' has shape [${shape}], expected ${rows} rows, one per row of the batch. ` +
    `A model with max_batch_size > 0 must keep its first dimension; set max_batch_size to 0 if it does not`,
);

export const outputNotScatterable = declare(
  "INTERNAL",
  (output: string, model: string, shape: readonly number[], source: string) =>
    `output '${output}' of model '${model}' has shape [${shape}], which is less than the shapes of input '${source}' ` +
    `in the batch ask for. Check 'batch_output' and the dims of the output`,
);

export const workerCrashed = declare(
  "UNAVAILABLE",
  (instance: string, model: string, reason: string) =>
    `the worker of instance '${instance}' of model '${model}' stopped while the request ran: ${reason}. ` +
    `It is being restarted; send the request again`,
);

export const workerHung = declare(
  "UNAVAILABLE",
  (instance: string, model: string, seconds: number) =>
    `the execution on instance '${instance}' of model '${model}' did not end within ${seconds} seconds and was given up. ` +
    `The instance is being restarted; raise execution-timeout-secs in --backend-config if the model needs longer`,
);

export const workerGivenUp = declare(
  "UNAVAILABLE",
  (instance: string, model: string, hangs: number, seconds: number) =>
    `instance '${instance}' of model '${model}' is not running: ${hangs} executions did not end within ${seconds} ` +
    `seconds, and each may hold a thread and its memory until the server ends. It is not restarted again: restart the ` +
    `server, or load the model again where the model control mode allows that, and raise execution-timeout-secs in --backend-config if the model needs longer`,
);

export const workerGone = declare(
  "UNAVAILABLE",
  (instance: string, model: string, reason: string) =>
    `instance '${instance}' of model '${model}' is not running: ${reason}`,
);

export const workerStartFailed = declare(
  "INTERNAL",
  (instance: string, model: string, reason: string) =>
    `the worker of instance '${instance}' of model '${model}' could not start: ${reason}`,
);
