/** Errors of waiting: what a scheduler answers before a request runs. */
import type { Status } from "../status.ts";
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

const timeout = declare(
  "UNAVAILABLE",
  (model: string, waitedMs: number) =>
    `Request timeout expired: it waited ${Math.round(waitedMs)} ms in the queue of model '${model}'`,
);

const timeouts = new WeakSet<Status>();

/** @param waitedMs in the queue. */
export function queueTimeout(model: string, waitedMs: number): Status {
  const error = timeout(model, waitedMs);
  timeouts.add(error);
  return error;
}

/** True if a request failed because it had waited too long: another one, which came later, need not. */
export function isQueueTimeout(error: Status): boolean {
  return timeouts.has(error);
}
