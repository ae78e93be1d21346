/** A gRPC server on models in memory, with a client connected to it. */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Model } from "../../../model_repository/model.ts";
import { InferenceServer } from "../../inference_server.ts";
import { FakeRepository } from "../../testing/fake_repository.ts";
import { frameMessage } from "../frame.ts";
import { type GrpcOptions, type GrpcServer, serveGrpc } from "../serve.ts";
import { type CallResult, TestClient } from "./client.ts";

export interface Setup extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly inference: InferenceServer;
  readonly client: TestClient;
  /** Calls a method; the answer has the decoded message, where there is one. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { input: I; output: O },
    request: MessageInitShape<I>,
    headers?: Record<string, string>,
  ): Promise<CallResult & { readonly response: MessageShape<O> }>;
}

/** Starts one; dispose of it. Beside `models` there is `broken`, version 1, which did not load. */
export async function start(models: readonly Model[], options: Partial<GrpcOptions> = {}): Promise<Setup> {
  const inference = new InferenceServer(
    new FakeRepository(models, [{ name: "broken", version: 1, state: "UNAVAILABLE", reason: "no file" }]),
    "triton",
    false,
  );
  const server = await serveGrpc(inference, { hostname: "127.0.0.1", port: 0, ...options });
  const client = new TestClient(server.port);
  return {
    server,
    inference,
    client,
    async call(method, request, headers) {
      const body = frameMessage(toBinary(method.input, create(method.input, request)));
      const result = await client.call(`/${method.parent.typeName}/${method.name}`, body, headers);
      return { ...result, response: fromBinary(method.output, result.body.subarray(5)) };
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.stop(100);
    },
  };
}
