import { setImmediate } from "node:timers";
import type { GrpcHandler, GrpcReply } from "../transport.ts";
import { type CallOwner, Http2Call } from "./call.ts";
import { rstStream, windowUpdate } from "./control_frames.ts";
import {
  ConnectionError,
  DEFAULT_WINDOW,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  INTERNAL_ERROR,
  MAX_WINDOW,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from "./frames.ts";
import type { DecodedBlock } from "./hpack/decoder.ts";
import type { HeaderField } from "./hpack/static_table.ts";
import { CONNECTION_WINDOW, MAX_ABANDONED, MAX_CALLS, MAX_RUNNING, STREAM_WINDOW } from "./limits.ts";
import { Output } from "./output.ts";
import { areGoodTrailers, readRequestHead } from "./request_head.ts";

/** The streams of one connection: opens them, runs their calls, keeps the windows. */
export class Streams implements CallOwner {
  /** The highest stream that the client has opened. */
  last = 0;
  /** Streams above this one are not served: the client was told. */
  lastServed = MAX_WINDOW;
  readonly #calls = new Map<number, Http2Call>();
  /** Streams that ended here before the client did: what it sends on them was on its way. Oldest first. */
  readonly #abandoned = new Set<number>();
  /** Calls that came with the bytes read last. */
  #arrived: Http2Call[] = [];
  /** Handlers that have not returned, also of cancelled calls. */
  #running = 0;
  #flushAfterTurn = false;
  /** Bytes that the client takes on a new stream. */
  #clientWindow = DEFAULT_WINDOW;
  #receiveWindow = CONNECTION_WINDOW;
  #unannounced = 0;
  readonly #output: Output;

  /**
   * @param broke called when nothing can be written any more.
   * @param ended called when a stream is over.
   */
  constructor(
    conn: Pick<Deno.Conn, "write">,
    private readonly handler: GrpcHandler,
    broke: () => void,
    private readonly ended: () => void,
  ) {
    this.#output = new Output(conn, (call) => this.#answered(call), broke);
  }

  get output(): Output {
    return this.#output;
  }

  /** Streams that are open. */
  get open(): number {
    return this.#calls.size;
  }

  /** The call of a stream that was opened; undefined when it is over. @throws ConnectionError */
  callOf(stream: number): Http2Call | undefined {
    if (stream > this.last || stream % 2 === 0) {
      throw new ConnectionError(PROTOCOL_ERROR, `stream ${stream} has not been opened`);
    }
    return this.#calls.get(stream);
  }

  /** Fields came on a stream: they open it, or are its trailers. */
  fields(stream: number, endsStream: boolean, { fields, tooLarge }: DecodedBlock): void {
    if (stream <= this.last) {
      const call = this.#calls.get(stream);
      if (call === undefined) return expectTrailers(stream, fields); // it is over meanwhile
      if (call.remoteEnded) return this.reset(stream, STREAM_CLOSED);
      if (!endsStream || !areGoodTrailers(fields)) return this.reset(stream, PROTOCOL_ERROR);
      return this.#endOfBody(call);
    }
    this.last = stream;
    if (stream > this.lastServed) return;
    if (this.#calls.size >= MAX_CALLS || this.#running >= MAX_RUNNING) return this.reset(stream, REFUSED_STREAM);
    if (tooLarge) return this.reset(stream, ENHANCE_YOUR_CALM);
    const head = readRequestHead(fields);
    if (head === undefined) return this.reset(stream, PROTOCOL_ERROR);
    const call = new Http2Call(stream, head, this, STREAM_WINDOW, this.#clientWindow);
    this.#calls.set(stream, call);
    this.#arrived.push(call);
    if (endsStream) this.#endOfBody(call);
  }

  /**
   * A piece of a body came.
   *
   * @param bytes what it counts against the windows: its length and that of its padding.
   * @throws ConnectionError
   */
  data(stream: number, payload: Uint8Array<ArrayBuffer>, bytes: number, endsStream: boolean): void {
    const call = this.callOf(stream);
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) throw new ConnectionError(FLOW_CONTROL_ERROR, "more was sent than was allowed");
    if (call === undefined) {
      this.#release(bytes);
      if (stream > this.lastServed) return;
      if (!this.#abandoned.has(stream)) this.control(rstStream(stream, STREAM_CLOSED));
      else if (endsStream) this.#abandoned.delete(stream);
      return;
    }
    const wrong = call.remoteEnded ? STREAM_CLOSED : bytes > call.receiveWindow ? FLOW_CONTROL_ERROR : NO_ERROR;
    if (wrong !== NO_ERROR) {
      this.#release(bytes);
      return this.reset(stream, wrong);
    }
    call.receiveWindow -= bytes;
    const padding = bytes - payload.length;
    if (padding > 0) this.consumed(call, padding);
    if (payload.length > 0) call.requestBody.receive(payload);
    if (endsStream) this.#endOfBody(call);
  }

  #endOfBody(call: Http2Call): void {
    const { length } = call.request;
    if (length >= 0 && length !== call.requestBody.received) this.reset(call.id, PROTOCOL_ERROR);
    else call.endOfBody();
  }

  /** Runs the calls that have come, each with as much of its body as came with it. */
  start(): void {
    if (this.#arrived.length === 0) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const call of arrived) if (!call.closed) this.#run(call);
  }

  async #run(call: Http2Call): Promise<void> {
    let reply: GrpcReply | undefined;
    this.#running++;
    try {
      reply = await this.handler(call);
    } catch {
      // as if it had broken off
    }
    this.#running--;
    try {
      call.reply(reply!);
    } catch {
      this.reset(call.id, INTERNAL_ERROR);
    }
  }

  sendable(call: Http2Call): void {
    this.#output.add(call);
    // While others are about to be answered, one write may serve them all.
    if (this.#running === 0) this.#output.flush();
    else this.#flushSoon();
  }

  #answered(call: Http2Call): void {
    this.#calls.delete(call.id);
    this.#release(call.close());
    if (!call.remoteEnded) {
      this.#abandon(call.id);
      // The client need not send the rest of its body.
      if (!call.broken) this.control(rstStream(call.id, NO_ERROR));
    }
    this.ended();
  }

  /** Ends a stream on which something is wrong. */
  reset(stream: number, code: number): void {
    this.control(rstStream(stream, code));
    const call = this.#calls.get(stream);
    if (call === undefined || !call.remoteEnded) this.#abandon(stream);
    if (call !== undefined) this.#cancel(call);
  }

  #abandon(stream: number): void {
    if (this.#abandoned.size === MAX_ABANDONED) this.#abandoned.delete(this.#abandoned.values().next().value!);
    this.#abandoned.add(stream);
  }

  /** The client waits for the answer of a stream no more, and sends nothing more. */
  cancel(stream: number): void {
    const call = this.#calls.get(stream);
    if (call === undefined) this.#abandoned.delete(stream);
    else this.#cancel(call);
  }

  #cancel(call: Http2Call): void {
    this.#calls.delete(call.id);
    this.#output.remove(call);
    this.#release(call.cancel());
    this.ended();
  }

  cancelAll(): void {
    for (const call of [...this.#calls.values()]) this.#cancel(call);
  }

  consumed(call: Http2Call, bytes: number): void {
    this.#release(bytes);
    if (call.remoteEnded || call.closed) return;
    call.unannounced += bytes;
    if (call.unannounced < STREAM_WINDOW / 2) return;
    call.receiveWindow += call.unannounced;
    this.control(windowUpdate(call.id, call.unannounced));
    call.unannounced = 0;
  }

  /** Bytes of bodies are gone: the client may send as many more. */
  #release(bytes: number): void {
    this.#unannounced += bytes;
    if (this.#unannounced < CONNECTION_WINDOW / 2) return;
    this.#receiveWindow += this.#unannounced;
    this.control(windowUpdate(0, this.#unannounced));
    this.#unannounced = 0;
  }

  /** The client says how much it takes on each stream, on those that are open too. @throws ConnectionError */
  setClientWindow(bytes: number): void {
    const change = bytes - this.#clientWindow;
    this.#clientWindow = bytes;
    if (change === 0) return;
    for (const call of this.#calls.values()) {
      if (call.sendWindow + change > MAX_WINDOW) throw new ConnectionError(FLOW_CONTROL_ERROR, "a window is too large");
      this.#opens(call, change);
    }
  }

  /** The client takes more. @throws ConnectionError */
  opens(stream: number, bytes: number): void {
    if (stream !== 0) {
      const call = this.callOf(stream);
      if (call === undefined) return;
      if (bytes === 0) return this.reset(stream, PROTOCOL_ERROR);
      return this.#opens(call, bytes);
    }
    if (bytes === 0) throw new ConnectionError(PROTOCOL_ERROR, "a window is opened by nothing");
    this.#output.window += bytes;
    if (this.#output.window > MAX_WINDOW) throw new ConnectionError(FLOW_CONTROL_ERROR, "a window is too large");
    this.#output.opened();
    this.#flushSoon();
  }

  #opens(call: Http2Call, bytes: number): void {
    call.sendWindow += bytes;
    if (call.sendWindow > MAX_WINDOW) return this.reset(call.id, FLOW_CONTROL_ERROR);
    if (call.sendWindow <= 0 || call.piece.length === 0) return;
    this.#output.add(call);
    this.#flushSoon();
  }

  /** Sends a frame at the end of the turn. */
  control(frame: Uint8Array): void {
    this.#output.control(frame);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushAfterTurn) return;
    this.#flushAfterTurn = true;
    setImmediate(this.#flush);
  }

  readonly #flush = () => {
    this.#flushAfterTurn = false;
    this.#output.flush();
  };
}

/** A stream that is over may still get trailers that were on their way, but no second request. @throws ConnectionError */
function expectTrailers(stream: number, fields: readonly HeaderField[]): void {
  if (!fields.some(({ name }) => name.startsWith(":"))) return;
  throw new ConnectionError(PROTOCOL_ERROR, `stream ${stream} was opened before, or one above it`);
}
