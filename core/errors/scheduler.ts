/** Errors of waiting: what a scheduler answers before a request runs. */
import { declare } from "./declare.ts";

export const cancelledInQueue = declare("CANCELLED", () => "Request cancelled: it had not begun to execute");

export const serverStopping = declare(
  "UNAVAILABLE",
  (model: string) => `Server is stopping, scheduler for model '${model}' has stopped accepting new inference requests`,
);
