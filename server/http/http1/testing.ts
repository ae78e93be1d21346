/** What the tests of the listener share: a client that sends any bytes, and a listener for it. */
import type { Answer, Patience } from "./connection.ts";
import type { TcpServer } from "../../tcp_server.ts";
import { listenHttp1 } from "./listener.ts";

/** A client that writes bytes and reads what comes. */
export class Client implements Disposable {
  #got = "";
  private constructor(readonly conn: Deno.TcpConn) {}

  static async connect(port: number): Promise<Client> {
    return new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** What came until the server closed. */
  end(): Promise<string> {
    return this.until("\0");
  }

  /** What came, once it contains `text` or the server has closed. */
  async until(text: string): Promise<string> {
    const buffer = new Uint8Array(65536);
    while (!this.#got.includes(text)) {
      const count = await this.conn.read(buffer).catch(() => null);
      if (count === null) break;
      this.#got += new TextDecoder().decode(buffer.subarray(0, count));
    }
    const got = this.#got;
    this.#got = "";
    return got;
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

/** A listener while `test` runs. */
export async function withListener(
  answer: Answer,
  test: (port: number, listener: TcpServer) => Promise<void>,
  patience?: Patience,
): Promise<void> {
  const listener = listenHttp1("127.0.0.1", 0, answer, { patience });
  try {
    await test(listener.port, listener);
  } finally {
    await listener.shutdown();
  }
}

export function post(path: string, body: string, headers = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

/** The path of a request to the listener. */
export function pathOf(request: Request): string {
  return request.url.slice(request.url.indexOf("/", 8));
}
