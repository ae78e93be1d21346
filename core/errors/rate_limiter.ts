/** Errors of the rate limiter: a model whose instances could never run, found when it is loaded. */
import { declare } from "./declare.ts";

export const resourceTooSmall = declare(
  "INVALID_ARGUMENT",
  (resource: string, where: string, available: number, group: string, needed: number) =>
    `Resource count for "${resource}" is limited to ${available} which will prevent scheduling of one or more model ` +
    `instances, the minimum required count is ${needed}: instance group '${group}' asks for it ${where}. Start the ` +
    `server with --rate-limit-resource=${resource}:${needed} or more, or lower the count in 'rate_limiter'`,
);

export const resourceGlobalAndLocal = declare(
  "INVALID_ARGUMENT",
  (resource: string, group: string) =>
    `Resource "${resource}" is present as both global and device-specific resource in the model configuration. ` +
    `Instance group '${group}' and all others that name it must agree on 'global'`,
);
