import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ClientHttp2Stream } from "node:http2";
import {
  ModelInferRequestSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from "../../../proto/gen/grpc_service_pb.ts";
import { FRAME_HEADER, frameMessage } from "../frame.ts";
import { type CallResult, resultOf, type TestClient } from "./client.ts";

/** The framed bytes of a request. */
export function requestFrame(request: MessageInitShape<typeof ModelInferRequestSchema>): Uint8Array {
  return frameMessage(toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request)));
}

/** The messages of whole frames. */
export function messagesOf(frames: Uint8Array): ModelStreamInferResponse[] {
  const messages: ModelStreamInferResponse[] = [];
  for (let at = 0; at < frames.length;) {
    const end = at + FRAME_HEADER + new DataView(frames.buffer, frames.byteOffset + at).getUint32(1);
    messages.push(fromBinary(ModelStreamInferResponseSchema, frames.subarray(at + FRAME_HEADER, end)));
    at = end;
  }
  return messages;
}

/** One message, as tests compare it: the error or the model, the id, and whether it is final (undefined: not said). */
export function summaryOf({ errorMessage, inferResponse }: ModelStreamInferResponse) {
  const { id, modelName, modelVersion, parameters, outputs } = inferResponse!;
  const final = parameters.triton_final_response?.parameterChoice.value;
  return { error: errorMessage, id, model: `${modelName}:${modelVersion}`, final, outputs: outputs.length };
}

/** A `ModelStreamInfer` call. */
export class StreamCall {
  readonly stream: ClientHttp2Stream;
  /** How it ended. */
  readonly result: Promise<CallResult>;
  #received = new Uint8Array(0);
  #wake: (() => void) | undefined;

  constructor(private readonly client: TestClient, headers: Record<string, string> = {}) {
    this.stream = client.open("/inference.GRPCInferenceService/ModelStreamInfer", headers);
    this.result = resultOf(this.stream);
    this.stream.on("data", (chunk: Uint8Array) => {
      const grown = new Uint8Array(this.#received.length + chunk.length);
      grown.set(this.#received);
      grown.set(chunk, this.#received.length);
      this.#received = grown;
      this.#wake?.();
    });
  }

  send(request: MessageInitShape<typeof ModelInferRequestSchema>): void {
    this.stream.write(requestFrame(request));
  }

  /** Waits for the first `count` messages. */
  async messages(count: number): Promise<ModelStreamInferResponse[]> {
    for (;;) {
      const whole = wholeFrames(this.#received);
      const messages = messagesOf(this.#received.subarray(0, whole));
      if (messages.length >= count) return messages.slice(0, count);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Sends nothing more; the messages in all and how the call ended. */
  async end(): Promise<{ messages: ModelStreamInferResponse[]; code: number; message: string }> {
    this.stream.end();
    const { body, code, message } = await this.result;
    return { messages: messagesOf(body), code, message };
  }

  cancel(): void {
    this.client.cancel(this.stream);
  }
}

/** Bytes of the complete frames at the start. */
function wholeFrames(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    if (bytes.length - at < FRAME_HEADER) return at;
    const end = at + FRAME_HEADER + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(1);
    if (end > bytes.length) return at;
    at = end;
  }
}
