/** Errors of the metrics port. */
import { declare } from "./declare.ts";

export const metricsMethodNotAllowed = declare("INVALID_ARGUMENT", () => "Method Not Allowed", 405);
