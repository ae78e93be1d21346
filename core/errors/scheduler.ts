/** Errors of waiting: what a scheduler answers before a request runs. */
import { declare } from "./declare.ts";
import { prefix } from "./request.ts";

export const cancelledInQueue = declare("CANCELLED", () => "Request cancelled: it had not begun to execute");

export const serverStopping = declare(
  "UNAVAILABLE",
  (model: string) => `Server is stopping, scheduler for model '${model}' has stopped accepting new inference requests`,
);

/** @param limit requests that may wait. */
export const queueFull = declare(
  "UNAVAILABLE",
  (id: string, model: string, limit: number) =>
    `${
      prefix(id)
    }Exceeds maximum queue size: ${limit} requests are waiting for model '${model}'. Try again later, or ` +
    `raise 'max_queue_size' in its queue policy`,
);

/** @param waitedMs in the queue. */
export const queueTimeout = declare(
  "UNAVAILABLE",
  (model: string, waitedMs: number) =>
    `Request timeout expired: it waited ${Math.round(waitedMs)} ms in the queue of model '${model}'`,
);
