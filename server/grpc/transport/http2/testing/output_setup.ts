import { type CallOwner, Http2Call } from "../call.ts";
import { readUint31 } from "../frames.ts";
import { Output } from "../output.ts";
import { readRequestHead } from "../request_head.ts";

/** A connection whose writes end when the test says so. */
class FakeConn {
  readonly written: Uint8Array[] = [];
  #done: ((count: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  write(bytes: Uint8Array): Promise<number> {
    this.written.push(bytes.slice());
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
    });
  }

  get busy(): boolean {
    return this.#done !== undefined;
  }

  /** The system took the last write, or as much of it. */
  async take(count = this.written.at(-1)!.length): Promise<void> {
    const done = this.#done!;
    this.#done = undefined;
    done(count);
    await new Promise((resolve) => setTimeout(resolve));
  }

  async takeAll(): Promise<void> {
    while (this.busy) await this.take();
  }

  async fail(): Promise<void> {
    const failed = this.#failed!;
    this.#done = undefined;
    failed(new Error("broken"));
    await new Promise((resolve) => setTimeout(resolve));
  }

  /** Type, stream, flags and length of the frames of the writes from `first` on. */
  frames(first = 0): [type: number, stream: number, flags: number, length: number][] {
    const bytes = this.written.slice(first).flatMap((write) => [...write]);
    const frames: [number, number, number, number][] = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes[at] << 16 | bytes[at + 1] << 8 | bytes[at + 2];
      frames.push([bytes[at + 3], readUint31(Uint8Array.from(bytes.slice(at, at + 9)), 5), bytes[at + 4], length]);
      at += 9 + length;
    }
    return frames;
  }
}

class Setup implements CallOwner {
  readonly conn = new FakeConn();
  readonly ended: number[] = [];
  broke = 0;
  readonly output = new Output(this.conn, (call) => {
    this.ended.push(call.id);
    call.close();
  }, () => this.broke++);

  call(id: number, window = 1 << 20): Http2Call {
    const fields = [[":method", "POST"], [":scheme", "http"], [":path", "/"]];
    const head = readRequestHead(fields.map(([name, value]) => ({ name, value, good: undefined })))!;
    return new Http2Call(id, head, this, 0, window);
  }

  consumed(): void {}

  sendable(call: Http2Call): void {
    this.output.add(call);
  }
}

/** An output, the connection it writes to, and calls of it. */
export function outputSetup() {
  const setup = new Setup();
  const { conn, output, ended } = setup;
  return { conn, output, ended, call: setup.call.bind(setup), broke: () => setup.broke };
}
