/** A small gRPC client for tests of the transports: frames in, frames and trailers out. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";

/** What a call was answered with. */
export interface CallResult {
  readonly httpStatus: number;
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
  /** `grpc-status`, -1 without one. */
  readonly code: number;
  /** `grpc-message`, decoded. */
  readonly message: string;
  readonly trailers: Record<string, unknown>;
}

/** A connection; close it. */
export class TestClient implements AsyncDisposable {
  readonly #session: ClientHttp2Session;

  constructor(port: number) {
    this.#session = connect(`http://127.0.0.1:${port}`);
    this.#session.on("error", () => {}); // a call on it fails by itself
  }

  /** Starts a call; its body is open. */
  open(path: string, headers: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.#session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  }

  /** A call with one body. */
  call(path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<CallResult> {
    const stream = this.open(path, headers);
    stream.end(body);
    return resultOf(stream);
  }

  /** Gives a call up as clients do. */
  cancel(stream: ClientHttp2Stream): void {
    stream.close(constants.NGHTTP2_CANCEL);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session.destroyed) return; // the server said goodbye first
    const closed = new Promise((resolve) => this.#session.once("close", resolve));
    this.#session.close();
    this.#session.destroy();
    await closed;
  }
}

/** Waits for the end of a call. */
export function resultOf(stream: ClientHttp2Stream): Promise<CallResult> {
  const chunks: Uint8Array[] = [];
  let headers: Record<string, unknown> = {}, trailers: Record<string, unknown> = {};
  stream.on("response", (received) => headers = { ...received });
  stream.on("trailers", (received) => trailers = { ...received });
  stream.on("data", (chunk: Uint8Array) => chunks.push(new Uint8Array(chunk)));
  return new Promise((resolve) => {
    const finish = () =>
      resolve({
        httpStatus: Number(headers[":status"] ?? 0),
        headers,
        body: Uint8Array.from(chunks.flatMap((chunk) => [...chunk])),
        code: Number(trailers["grpc-status"] ?? headers["grpc-status"] ?? -1),
        message: decodeURIComponent(String(trailers["grpc-message"] ?? "")),
        trailers,
      });
    stream.on("end", finish);
    stream.on("close", finish);
  });
}
