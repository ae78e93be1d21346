import type { InferenceRequest, InferenceResponse, ResponseSink } from "../core/inference.ts";
import { ResponseStream, UnaryResponse } from "../core/responses.ts";
import type { Model, Repository } from "../model_repository/model.ts";

/** The version of this server, as server metadata and `--version` show it. */
export const SERVER_VERSION = "0.1.0";

/**
 * The extensions that server metadata lists: Triton's, in its order, since clients compare the list. `trace` and
 * `logging` are among them though their RPCs and routes come later and say so when called.
 */
export const EXTENSIONS: readonly string[] = [
  "classification",
  "sequence",
  "model_repository",
  "model_repository(unload_dependents)",
  "schedule_policy",
  "model_configuration",
  "system_shared_memory",
  "cuda_shared_memory",
  "binary_tensor_data",
  "parameters",
  "statistics",
  "trace",
  "logging",
];

/** The server without a wire: what HTTP and gRPC both translate to. */
export class InferenceServer {
  #live = true;
  #stopping = false;

  /** @param name `--id`. @param strictReadiness `--strict-readiness`. */
  constructor(readonly repository: Repository, readonly name: string, readonly strictReadiness: boolean) {}

  /** True from the end of start-up until the process stops. */
  get live(): boolean {
    return this.#live;
  }

  /** Ready for requests: not stopping, and with strict readiness every model loaded. */
  get ready(): boolean {
    return this.#live && !this.#stopping && (!this.strictReadiness || this.repository.allReady());
  }

  /** Reports not ready from now on; what runs goes on. */
  stop(): void {
    this.#stopping = true;
  }

  /** One response to one request. @throws Status */
  inferUnary(model: Model, request: InferenceRequest): Promise<InferenceResponse> {
    const sink = new UnaryResponse();
    model.infer(request, sink);
    return sink.promise;
  }

  /** The responses of a request, as they come. @throws Status at once where the request does not fit the model. */
  inferStream(model: Model, request: InferenceRequest): AsyncIterable<InferenceResponse> {
    const sink = new ResponseStream();
    model.infer(request, sink);
    return sink;
  }

  /** For callers with a sink of their own. @throws Status as {@link inferStream}. */
  infer(model: Model, request: InferenceRequest, sink: ResponseSink): void {
    model.infer(request, sink);
  }
}
