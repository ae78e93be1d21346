import { clientCancelled, deadlineExceeded, serverShuttingDown } from "../../../core/errors/grpc.ts";
import type { InferenceServer } from "../../inference_server.ts";
import { compress, type CompressionLevel, negotiate } from "../compression.ts";
import { FRAME_HEADER, frameMessage } from "../frame.ts";
import { MessageReader } from "../message_reader.ts";
import { MAX_TIMER_MS, parseTimeout } from "../timeout.ts";
import type { GrpcCall, GrpcReply, Metadata } from "../transport/transport.ts";
import { InferStream } from "./infer_stream.ts";
import { errorReply, HEADERS, type ModelInferOptions } from "./model_infer.ts";

/** `ModelStreamInfer`, straight from the bytes of the call to those of its answer, as {@link InferStream} has it. */
export class ModelStreamInfer {
  /** @param stopping aborted when the server stops: streams take no more requests and end with those in flight. */
  constructor(
    private readonly server: InferenceServer,
    private readonly options: ModelInferOptions,
    private readonly stopping: AbortSignal,
  ) {}

  /** Answers a native gRPC call. */
  answer(call: GrpcCall): GrpcReply {
    const { signal, headers } = call;
    try {
      const timeout = headers.get("grpc-timeout");
      const stream = this.open(headers, signal, timeout === null ? Infinity : parseTimeout(timeout));
      const reader = new MessageReader(call);
      stream.run(() => reader.next());
      const trailers = () => stream.trailers();
      const { responseCompression: level } = this.options;
      const encoding = level === "none" ? undefined : negotiate(headers.get("grpc-accept-encoding"));
      if (level === "none" || !encoding) return { status: 200, headers: HEADERS, body: stream.frames, trailers };
      const body = compressed(stream.frames, encoding, level);
      return { status: 200, headers: [...HEADERS, ["grpc-encoding", encoding]], body, trailers };
    } catch (error) {
      return errorReply(error);
    }
  }

  /**
   * A stream that ends by itself when the client goes away, its deadline passes or the server stops. It is over when its
   * frames have been taken.
   *
   * @param timeoutMs of the client; Infinity without one.
   */
  open(headers: Metadata, signal: AbortSignal, timeoutMs: number): InferStream {
    const { stopping } = this;
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stream = new InferStream(this.server, {
      headers,
      headerForwardPattern: this.options.headerForwardPattern,
    }, () => {
      clearTimeout(timer);
      over.abort();
    });
    const once = { once: true, signal: over.signal };
    signal.addEventListener("abort", () => stream.fail(clientCancelled()), once);
    stopping.addEventListener("abort", () => stream.close(serverShuttingDown()), once);
    if (timeoutMs <= MAX_TIMER_MS) timer = setTimeout(() => stream.fail(deadlineExceeded()), timeoutMs);
    if (signal.aborted) stream.fail(clientCancelled());
    if (stopping.aborted) stream.close(serverShuttingDown());
    return stream;
  }
}

/** The same messages, each compressed on its way out. */
function compressed(
  frames: AsyncIterator<Uint8Array>,
  encoding: "gzip" | "deflate",
  level: Exclude<CompressionLevel, "none">,
): AsyncIterator<Uint8Array> {
  return {
    async next() {
      const next = await frames.next();
      if (next.done) return next;
      const parts: Uint8Array[] = [];
      for (let at = 0; at < next.value.length;) {
        const length = new DataView(next.value.buffer, next.value.byteOffset + at).getUint32(1);
        const message = next.value.subarray(at + FRAME_HEADER, at + FRAME_HEADER + length);
        parts.push(frameMessage(await compress(message, encoding, level), true));
        at += FRAME_HEADER + length;
      }
      return { done: false, value: parts.length === 1 ? parts[0] : await new Blob(parts as BlobPart[]).bytes() };
    },
    return: () => frames.return!(),
  };
}
