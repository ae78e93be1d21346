import type { ServedConnection } from "../../../tcp_server.ts";
import type { GrpcHandler } from "../transport.ts";
import { goAway, OUR_SETTINGS, windowUpdate } from "./control_frames.ts";
import { Dispatch } from "./dispatch.ts";
import type { FrameReader } from "./frame_reader.ts";
import { ConnectionError, DEFAULT_WINDOW, frameOf, INTERNAL_ERROR, MAX_WINDOW, NO_ERROR, PING } from "./frames.ts";
import { CONNECTION_WINDOW, GOODBYE_MS, LINGER_MS, MAX_CONTROL_BYTES, STALL_MS } from "./limits.ts";
import { Streams } from "./streams.ts";

const GOODBYE = new TextEncoder().encode("goodbye!");
const STOPPING = "the server is stopping";

/** One client's connection, from its preface to its end. */
export class Http2Connection implements ServedConnection {
  readonly #streams: Streams;
  readonly #dispatch: Dispatch;
  #stopping = false;
  /** The client has said goodbye: the connection ends with its last call. */
  #clientLeaves = false;
  /** Nothing is taken any more; what was sent may still be on its way. */
  #ended = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Since when the client has taken nothing of what waits for it. */
  #slowSince = performance.now();
  /** How much it had taken when that was last looked at. */
  #progress = 0;
  /** The last stream when that was last looked at. */
  #lastSeen = 0;

  /** @param reader has read the client's preface. */
  constructor(private readonly conn: Deno.Conn, private readonly reader: FrameReader, handler: GrpcHandler) {
    this.#streams = new Streams(conn, handler, () => this.close(), () => this.#endIfDone());
    this.#dispatch = new Dispatch(
      reader,
      this.#streams,
      (payload) => this.#pong(payload),
      () => this.#clientLeaves = true,
    );
  }

  get quiet(): boolean {
    return this.#streams.open === 0 && this.#streams.last === this.#lastSeen;
  }

  /** Serves until the connection is closed; never rejects. */
  async serve(): Promise<void> {
    // What cannot be foreseen, such as memory running out, ends this connection and no other.
    await this.#serve().catch(() => {});
    this.close();
  }

  async #serve(): Promise<void> {
    const { reader } = this;
    const { output } = this.#streams;
    output.control(OUR_SETTINGS);
    output.control(windowUpdate(0, CONNECTION_WINDOW - DEFAULT_WINDOW));
    output.flush();
    do {
      if (this.#ended) reader.discard();
      else this.#take();
      if (output.controlBytes > MAX_CONTROL_BYTES) {
        output.flush();
        await output.drained();
      }
    } while (await reader.fill());
  }

  /** The frames that have come. */
  #take(): void {
    try {
      while (!this.#ended && this.reader.next()) this.#dispatch.frame();
      this.#streams.start();
      if (this.#clientLeaves) this.#endIfDone();
    } catch (error) {
      if (error instanceof ConnectionError) this.#end(error.code, error.message);
      else this.#end(INTERNAL_ERROR, "internal error");
    }
  }

  /** Takes no more calls; closes when those that run are answered. */
  finish(): void {
    if (this.#stopping || this.#ended) return;
    this.#stopping = true;
    // Calls that are on their way are served too: when the ping has come back there are none.
    this.#streams.control(goAway(MAX_WINDOW, NO_ERROR, STOPPING));
    this.#streams.control(frameOf(PING, 0, 0, GOODBYE));
    this.#timer = setTimeout(() => this.#lastWord(), GOODBYE_MS);
  }

  #pong(payload: Uint8Array): void {
    if (this.#stopping && payload.every((byte, i) => byte === GOODBYE[i])) this.#lastWord();
  }

  /** From here on, no call is taken. */
  #lastWord(): void {
    clearTimeout(this.#timer);
    if (this.#ended || this.#streams.lastServed !== MAX_WINDOW) return;
    this.#streams.lastServed = this.#streams.last;
    if (this.#streams.open === 0) this.#end(NO_ERROR, STOPPING);
    else this.#streams.control(goAway(this.#streams.last, NO_ERROR, STOPPING));
  }

  #endIfDone(): void {
    const { lastServed, open } = this.#streams;
    if (open > 0) return;
    if (lastServed !== MAX_WINDOW) this.#end(NO_ERROR, STOPPING);
    else if (this.#clientLeaves) this.#end(NO_ERROR, "the client leaves");
  }

  /** Tells the client why its connection ends, and lets it take what was sent. */
  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const { last, lastServed, output } = this.#streams;
    output.control(goAway(Math.min(last, lastServed), code, reason));
    this.#streams.cancelAll();
    output.flush();
    this.#linger();
  }

  /** Closes when the client has: closed with bytes unread, the connection would be reset, and the client lose the rest. */
  async #linger(): Promise<void> {
    await this.#streams.output.drained();
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.close(), LINGER_MS);
    await this.conn.closeWrite().catch(() => this.close());
  }

  /** Cancels what runs and closes. */
  close(): void {
    if (this.#closed) return;
    this.#closed = this.#ended = true;
    clearTimeout(this.#timer);
    this.#streams.cancelAll();
    try {
      this.conn.close();
    } catch {
      // closed by the other side meanwhile
    }
  }

  /** Closes the connection if its client has stopped reading; gives back memory that large answers needed. */
  lookAfter(now: number): void {
    const { output } = this.#streams;
    if (!output.writing || output.writes !== this.#progress) this.#slowSince = now;
    else if (now - this.#slowSince > STALL_MS) return this.close();
    this.#progress = output.writes;
    this.#lastSeen = this.#streams.last;
    output.tidy();
  }
}
