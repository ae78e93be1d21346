import { type QueuedTask, TaskList } from "./task_list.ts";

/** How long requests of one priority level may wait, and how many of them: `ModelQueuePolicy`. */
export interface QueuePolicy {
  /** What happens to a request whose time is up: it fails, or it runs after all that are in time. */
  readonly timeoutAction: "REJECT" | "DELAY";
  /** Infinity without a timeout. */
  readonly defaultTimeoutMs: number;
  /** Requests may ask for less time than the default, never for more. */
  readonly allowTimeoutOverride: boolean;
  /**
   * Requests that may wait at this level, the delayed ones included; undefined where only the limit for all of the
   * model's requests counts.
   */
  readonly maxQueueSize: number | undefined;
}

/** The waiting requests of one priority level: those in time, then those that were delayed. */
export class PolicyQueue {
  readonly inTime: TaskList = new TaskList();
  readonly delayed: TaskList = new TaskList();

  constructor(readonly policy: QueuePolicy) {}

  get length(): number {
    return this.inTime.length + this.delayed.length;
  }

  /** When a request has waited too long. @param since when it came. @param timeoutMicros as it asks; 0 if it does not. */
  deadlineOf(since: number, timeoutMicros: number): number {
    const { defaultTimeoutMs, allowTimeoutOverride } = this.policy;
    const ownMs = timeoutMicros / 1000;
    return since + (allowTimeoutOverride && ownMs > 0 && ownMs < defaultTimeoutMs ? ownMs : defaultTimeoutMs);
  }

  /** Puts a waiting request behind all that are in time. It waits as long as it must from then on. */
  delay(task: QueuedTask): void {
    this.inTime.remove(task);
    task.deadline = Infinity;
    this.delayed.push(task);
  }
}
