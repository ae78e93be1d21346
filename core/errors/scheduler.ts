/** Errors of waiting: what a scheduler answers before a request runs. */
import { declare } from "./declare.ts";
import { prefix } from "./request.ts";

export const cancelledInQueue = declare("CANCELLED", () => "Request cancelled: it had not begun to execute");

export const serverStopping = declare(
  "UNAVAILABLE",
  (model: string) => `Server is stopping, scheduler for model '${model}' has stopped accepting new inference requests`,
);

/** What says how many requests may wait: the whole server's option, or the queue policy of one model or level. */
export type QueueLimitSetting = "--max-queue-size" | "max_queue_size";

const SETTINGS: Readonly<Record<QueueLimitSetting, string>> = {
  "--max-queue-size": "the server's option --max-queue-size",
  "max_queue_size": "'max_queue_size' in the model's queue policy",
};

/** @param limit requests that may wait. */
export const queueFull = declare(
  "UNAVAILABLE",
  (id: string, model: string, limit: number, setting: QueueLimitSetting) =>
    `${prefix(id)}Exceeds maximum queue size: ${limit} requests are waiting for model '${model}', as many as ` +
    `${SETTINGS[setting]} allows. Try again later, send less at once, or raise the limit`,
);

/** @param waitedMs in the queue. */
export const queueTimeout = declare(
  "UNAVAILABLE",
  (model: string, waitedMs: number) =>
    `Request timeout expired: it waited ${Math.round(waitedMs)} ms in the queue of model '${model}'`,
);
