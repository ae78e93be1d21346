import { wrongResponseCount } from "../../../core/errors/request.ts";
import type { InferenceResponse, ParameterValue, ResponseSink } from "../../../core/inference.ts";
import { Status } from "../../../core/status.ts";
import type { Model } from "../../../model_repository/model.ts";
import { withClasses } from "./classes.ts";
import type { WireInferRequest } from "./request_reader.ts";
import { writeStreamResponse } from "./response_writer.ts";

const FINAL = "triton_final_response";
const IS_FINAL: ReadonlyMap<string, ParameterValue> = new Map([[FINAL, true]]);
const NOT_FINAL: ReadonlyMap<string, ParameterValue> = new Map([[FINAL, false]]);

/** What a reply needs of its stream. */
export interface ReplyStream {
  /** Sends a frame now. */
  send(frame: Uint8Array): void;
  /** An ordered reply has what it waited for. */
  settled(): void;
  /** A request that is in nobody's order is over. @param bytes of its message. */
  over(reply: StreamReply): void;
  /** Ends the stream with an error, where it is strict about errors; false where errors are messages. */
  failStrictly(error: Status): boolean;
  backpressure(): Promise<void> | undefined;
}

/** How the outputs of a request are to be sent. */
export interface ReplyForm {
  readonly model: Model;
  /** Outputs wanted as classes: the number of classes, by name. */
  readonly classes: ReadonlyMap<string, number> | undefined;
}

/** One request of a stream, and where its responses go. */
export abstract class StreamReply implements ResponseSink {
  readonly controller = new AbortController();
  form: ReplyForm | undefined;

  /** @param bytes of the request's message. */
  constructor(
    protected readonly stream: ReplyStream,
    protected readonly wire: WireInferRequest,
    readonly bytes: number,
  ) {}

  abstract respond(response: InferenceResponse): void;
  abstract finish(error?: Status): void;

  /** The message of a response. @throws Status */
  protected frameOf(response: InferenceResponse, final: boolean): Uint8Array {
    const { model, classes } = this.form!;
    const { parameters: given } = response;
    const parameters = given && given.size > 0 ? new Map(given).set(FINAL, final) : final ? IS_FINAL : NOT_FINAL;
    const { modelName, modelVersion, id, outputs } = classes ? withClasses(response, classes, model) : response;
    return writeStreamResponse({ modelName, modelVersion, id, outputs, parameters });
  }

  /** A message that has no outputs: an error, or the end of a decoupled request. It names the version as the client did. */
  protected emptyFrame(final: boolean, error = ""): Uint8Array {
    const { modelName, modelVersion, id } = this.wire;
    const parameters = final ? IS_FINAL : NOT_FINAL;
    return writeStreamResponse({ modelName, modelVersion, id, parameters, outputs: [] }, error);
  }
}

/** The message of a request that was refused before it began to execute: it carries the id and nothing else. */
function refusal(wire: WireInferRequest, error: Status): Uint8Array {
  return writeStreamResponse({ modelName: "", modelVersion: "", id: wire.id, outputs: [] }, error.message);
}

/** A request with one response, which waits until those of the requests before it are sent. */
export class OrderedReply extends StreamReply {
  /** What is to be sent, once it is known. */
  frame: Uint8Array | undefined;
  /** The error of the response, which ends a strict stream. */
  error: Status | undefined;
  #response: InferenceResponse | undefined;
  #count = 0;

  respond(response: InferenceResponse): void {
    this.#response ??= response;
    this.#count++;
  }

  finish(error?: Status): void {
    if (this.frame) return;
    try {
      if (error) throw error;
      if (this.#count !== 1) throw wrongResponseCount(this.#count);
      this.frame = this.frameOf(this.#response!, true);
    } catch (thrown) {
      this.error = Status.from(thrown);
      this.frame = this.emptyFrame(true, this.error.message);
    }
    this.#response = undefined;
    this.stream.settled();
  }

  /** The request never got as far as a model. */
  refuse(error: Status): void {
    if (this.frame) return;
    this.frame = refusal(this.wire, error);
    this.stream.settled();
  }
}

/** A request to a decoupled model: each response is sent at once. */
export class DecoupledReply extends StreamReply {
  /** @param emptyFinal the client wants a last message, without outputs, when all responses have been sent. */
  constructor(stream: ReplyStream, wire: WireInferRequest, bytes: number, private readonly emptyFinal: boolean) {
    super(stream, wire, bytes);
  }

  respond(response: InferenceResponse): void {
    try {
      this.stream.send(this.frameOf(response, false));
    } catch (thrown) {
      this.#tell(Status.from(thrown));
    }
  }

  finish(error?: Status): void {
    if (error) this.#tell(error);
    if (this.emptyFinal) this.stream.send(this.emptyFrame(true));
    this.stream.over(this);
  }

  refuse(error: Status): void {
    this.stream.send(refusal(this.wire, error));
    this.stream.over(this);
  }

  backpressure(): Promise<void> | undefined {
    return this.stream.backpressure();
  }

  #tell(error: Status): void {
    if (!this.stream.failStrictly(error)) this.stream.send(this.emptyFrame(false, error.message));
  }
}
