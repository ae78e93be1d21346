import type { CloseReason } from "../../observability/statistics.ts";

export type { CloseReason };

/** What the decision needs to know of a waiting request. */
export interface WaitingRequest {
  /** At least 1. */
  readonly rows: number;
  /** Only requests with the same key run together. */
  readonly shapeKey: string;
  /** `Clock.now()` when it was enqueued. */
  readonly enqueuedAt: number;
}

/** The waiting requests in the order in which they are to run. */
export interface Walk<T extends WaitingRequest = WaitingRequest> {
  /** The next one; undefined after the last. */
  next(): T | undefined;
}

/** The batch under construction. */
export interface OpenBatch {
  /** 0 for one that is new. */
  readonly rows: number;
  /** Of its requests; meaningless while it has none. */
  readonly shapeKey: string;
}

/** How batches are formed: `dynamic_batching`, with defaults filled in. */
export interface BatchingRules {
  /** At least 1. */
  readonly maxBatchSize: number;
  /** Ascending, at least one, each from 1 to {@link maxBatchSize}. */
  readonly preferredSizes: readonly number[];
  /** `max_queue_delay_microseconds`, in milliseconds. */
  readonly delayMs: number;
}

/** What is to be done with the waiting requests. */
export type Decision = SendDecision | WaitDecision;

/** The first {@link count} requests of the walk join the open batch. */
export interface SendDecision {
  readonly kind: "send";
  /** May be 0 where the batch is only to be closed. */
  readonly count: number;
  readonly reason: CloseReason;
  /** Nothing is added to the batch afterwards. */
  readonly saturate: boolean;
  /** Nor is it merged with another one when an instance takes it. */
  readonly sealed: boolean;
}

/** Nothing happens before {@link until}, unless {@link rows} rows are waiting or a request with another key comes. */
export interface WaitDecision {
  readonly kind: "wait";
  readonly until: number;
  readonly rows: number;
  readonly shapeKey: string;
}

/**
 * Whether the waiting requests join the open batch now, and how many of them: the heart of Triton's dynamic batcher,
 * without its timers and threads. It looks at no more requests than fit into one batch.
 *
 * @param walk at least one request.
 * @param now on the scale of {@link WaitingRequest.enqueuedAt}.
 * @param draining no delay is waited for.
 */
export function formBatch(
  walk: Walk,
  open: OpenBatch,
  now: number,
  rules: BatchingRules,
  draining = false,
): Decision {
  const { maxBatchSize, preferredSizes, delayMs } = rules;
  const largest = preferredSizes[preferredSizes.length - 1];
  let key: string | undefined = open.rows > 0 ? open.shapeKey : undefined;
  let rows = open.rows;
  let count = 0;
  /** How many requests make the best size found; -1 while none is. */
  let best = -1;
  let bestRows = 0;
  let saturate = false;
  let obstacle: "full" | "shape" | undefined;
  let oldest = now;
  for (let request = walk.next(); request !== undefined; request = walk.next()) {
    const total = rows + request.rows;
    if (key === undefined) key = request.shapeKey;
    else {
      if (total > largest && best === -1) {
        best = count;
        bestRows = rows;
        saturate = true;
      }
      if (total > maxBatchSize) {
        obstacle = "full";
        break;
      }
      if (request.shapeKey !== key) {
        obstacle = "shape";
        break;
      }
    }
    if (request.enqueuedAt < oldest) oldest = request.enqueuedAt;
    rows = total;
    count++;
    if (isPreferred(rows, preferredSizes)) {
      best = count;
      bestRows = rows;
    }
    if (rows >= maxBatchSize) break; // What follows could only be found not to fit.
  }

  // In the terms of `until` below: rounded otherwise, the two would disagree.
  const overdue = delayMs !== 0 && now >= oldest + delayMs;
  if (best !== -1 && !overdue) {
    return send(best, sizeReason(bestRows, rules), saturate || delayMs === 0, false);
  }
  if (obstacle !== undefined) return send(count, obstacle, true, obstacle === "shape");
  if (rows >= largest) return send(count, sizeReason(rows, rules), true, false);
  if (overdue) return send(count, "delay", saturate, false);
  if (delayMs === 0) return send(count, "idle", saturate, false);
  if (draining) return send(count, "end", saturate, false);
  // A batch that waits for an instance at no preferred size takes what there is: it may be fetched at any moment.
  if (open.rows > 0 && !isPreferred(open.rows, preferredSizes)) return send(count, "delay", false, false);
  const next = nextPreferred(rows, preferredSizes) - open.rows;
  return { kind: "wait", until: oldest + delayMs, rows: next, shapeKey: key! };
}

/** Why a batch of so many rows takes no more, when that is for its size. */
function sizeReason(rows: number, { maxBatchSize, preferredSizes }: BatchingRules): CloseReason {
  if (rows >= maxBatchSize) return "full";
  if (isPreferred(rows, preferredSizes)) return "preferred";
  return preferredSizes[preferredSizes.length - 1] === maxBatchSize ? "full" : "preferred";
}

function send(count: number, reason: CloseReason, saturate: boolean, sealed: boolean): SendDecision {
  return { kind: "send", count, reason, saturate, sealed };
}

function isPreferred(rows: number, sizes: readonly number[]): boolean {
  for (let i = 0; i < sizes.length; i++) if (sizes[i] === rows) return true;
  return false;
}

/** The smallest preferred size above `rows`, which is below the largest. */
function nextPreferred(rows: number, sizes: readonly number[]): number {
  let i = 0;
  while (sizes[i] <= rows) i++;
  return sizes[i];
}
