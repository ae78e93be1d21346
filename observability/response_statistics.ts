import { Duration } from "./statistics.ts";

/** Positions that are counted; what a request sends beyond is not. */
const MAX_POSITIONS = 1000;

/** The responses at one position: all first ones, all second ones, and so on. */
export class ResponsePosition {
  readonly computeInfer: Duration = new Duration();
  readonly computeOutput: Duration = new Duration();
  readonly success: Duration = new Duration();
  readonly fail: Duration = new Duration();
  /** Ends of requests: no response came at this position. */
  readonly emptyResponse: Duration = new Duration();
  readonly cancel: Duration = new Duration();
}

/** How a request ended. */
export type ResponsesEnd = "success" | "fail" | "cancel";

/** What the responses of a decoupled model took: each from the one before it, the first from the request's start. */
export class ResponseStatistics {
  readonly positions: ResponsePosition[] = [];

  /** A response, `ms` after the one before. @param index 0 for the request's first. */
  responded(index: number, ms: number): void {
    const position = this.#at(index);
    if (!position) return;
    position.computeInfer.add(ms);
    position.computeOutput.add(0);
    position.success.add(ms);
  }

  /** The end of a request, `ms` after its last response. @param index how many responses there were. */
  ended(index: number, ms: number, how: ResponsesEnd): void {
    const position = this.#at(index);
    if (!position) return;
    if (how === "success") position.emptyResponse.add(ms);
    else position[how].add(ms);
    if (how !== "cancel") position.computeInfer.add(ms);
  }

  #at(index: number): ResponsePosition | undefined {
    return index < MAX_POSITIONS ? this.positions[index] ??= new ResponsePosition() : undefined;
  }
}

/** Counts the responses of one request. */
export class ResponseCounter {
  #count = 0;

  /** @param last `Clock.now()` when the request began to execute. */
  constructor(private readonly statistics: ResponseStatistics, private last: number) {}

  responded(now: number): void {
    this.statistics.responded(this.#count++, now - this.last);
    this.last = now;
  }

  ended(now: number, how: ResponsesEnd): void {
    this.statistics.ended(this.#count, now - this.last, how);
  }
}
