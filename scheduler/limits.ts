/**
 * Requests that may wait for a model where neither `--max-queue-size` nor its configuration sets a limit. Far above what
 * a client waits for, and low enough that a model which is stuck does not take all memory.
 */
export const DEFAULT_QUEUE_SIZE = 100_000;
