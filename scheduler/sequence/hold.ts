import type { SequenceSlot } from "./sequence.ts";

/** What a scheduler waits for before it executes anything, so that tests of batching see full queues. */
export interface HoldOptions {
  /**
   * So many requests are queued in slots; with the oldest strategy, so many sequences in slots have a request.
   * `TRITONSERVER_DELAY_SCHEDULER`.
   */
  readonly delayUntilQueued?: number;
  /**
   * … and so many in the backlog: `TRITONSERVER_BACKLOG_DELAY_SCHEDULER`. As in Triton it means nothing without the other
   * one, nor with the oldest strategy.
   */
  readonly delayUntilBacklogged?: number;
}

/**
 * True if enough is queued to begin.
 *
 * @param oneByOne the strategy is the oldest one. @param queued requests in slots and in the backlog.
 */
export function isEnough(
  slots: Iterable<SequenceSlot>,
  queued: number,
  oneByOne: boolean,
  { delayUntilQueued = 0, delayUntilBacklogged = 0 }: HoldOptions,
): boolean {
  let offers = 0;
  let inSlots = 0;
  for (const { current } of slots) {
    if (current?.next()) offers++;
    for (let each = current; each; each = each.successor) inSlots += each.queue.length;
  }
  if (oneByOne) return offers >= delayUntilQueued;
  return inSlots >= delayUntilQueued && queued - inSlots >= delayUntilBacklogged;
}
