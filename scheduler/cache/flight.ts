import type { InferenceRequest, InferenceResponse, ResponseSink } from "../../core/inference.ts";
import { refuse } from "../../core/responses.ts";
import type { Status } from "../../core/status.ts";
import { Cancellable } from "../cancellable.ts";
import { Fifo } from "../fifo.ts";

/** A request that waits for the response of another one with the same key. */
export class Member extends Cancellable {
  /** Its client has gone, or it has become the one that executes. */
  left = false;

  constructor(
    request: InferenceRequest,
    readonly sink: ResponseSink,
    /** `Clock.now()` when it came. */
    readonly enqueuedAt: number,
    /** Milliseconds that finding the flight took. */
    readonly lookupMs: number,
  ) {
    super(request);
  }
}

/** Requests with the same key of which one executes and the others wait for its response. */
export class Flight {
  readonly #members = new Fifo<Member>();
  #waiting = 0;

  constructor(
    /** Of the response in the cache. */
    readonly key: string,
    /** Of the flight: requests that queue differently do not wait for each other. */
    readonly name: string,
    /** Of the model, that the key is for. */
    readonly epoch: string,
  ) {}

  /** Members that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  join(member: Member): void {
    this.#members.push(member);
    this.#waiting++;
  }

  /** Takes a member out that waits no longer. @returns false if it had left before. */
  leave(member: Member): boolean {
    if (member.left) return false;
    member.left = true;
    member.unwatch();
    this.#waiting--;
    if (this.#members.mostlyGone(this.#members.length - this.#waiting)) this.#members.keep(({ left }) => !left);
    return true;
  }

  /** The next member that still waits, taken out; undefined if there is none. */
  next(): Member | undefined {
    for (;;) {
      const member = this.#members.shift();
      if (member === undefined || this.leave(member)) return member;
    }
  }

  /** All members that still wait, taken out. */
  all(): Member[] {
    const members: Member[] = [];
    for (let member = this.next(); member; member = this.next()) members.push(member);
    return members;
  }
}

/** The responses of the request that executes, on their way to its own sink. */
export class LeaderSink implements ResponseSink {
  readonly responses: InferenceResponse[] = [];

  /** @param onFinish called before the sink's own end. */
  constructor(
    private readonly sink: ResponseSink,
    private readonly onFinish: (responses: readonly InferenceResponse[], error: Status | undefined) => void,
  ) {}

  respond(response: InferenceResponse): void {
    const kept = withoutMemory(response);
    this.responses.push(kept);
    this.sink.respond(kept);
  }

  finish(error?: Status): void {
    this.onFinish(this.responses, error);
    this.sink.finish(error);
  }

  refuse(error: Status): void {
    this.onFinish(this.responses, error);
    refuse(this.sink, error);
  }
}

/** The cache and every member of the flight read the outputs: their memory is nobody's to give back. */
function withoutMemory(response: InferenceResponse): InferenceResponse {
  const { memory, ...kept } = response;
  return memory === undefined ? response : kept;
}
