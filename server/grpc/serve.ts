import { createConnectRouter, type Interceptor } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { type Clock, systemClock } from "../../core/clock.ts";
import { unknownMethod } from "../../core/errors/grpc.ts";
import { file_grpc_service, GRPCInferenceService } from "../../proto/gen/grpc_service_pb.ts";
import { file_health, Health } from "../../proto/gen/health_pb.ts";
import { file_reflection_v1, ServerReflection as ReflectionV1 } from "../../proto/gen/reflection_v1_pb.ts";
import {
  file_reflection_v1alpha,
  ServerReflection as ReflectionV1Alpha,
} from "../../proto/gen/reflection_v1alpha_pb.ts";
import type { InferenceServer } from "../inference_server.ts";
import { compress, type CompressionLevel, decompress } from "./compression.ts";
import { answerWithConnect, toConnectError } from "./connect_adapter.ts";
import { MAX_MESSAGE_BYTES } from "./frame.ts";
import { errorReply, ModelInfer } from "./infer/model_infer.ts";
import { ModelStreamInfer } from "./infer/model_stream_infer.ts";
import { healthService } from "./services/health.ts";
import { inferenceService } from "./services/inference_service.ts";
import { Reflection } from "./services/reflection.ts";
import { nodeTransport } from "./transport/node_http2.ts";
import { socketTransport } from "./transport/socket_http2.ts";
import type { GrpcCall, GrpcHandler, GrpcReply } from "./transport/transport.ts";

export interface GrpcOptions {
  /** Address to listen on, as `0.0.0.0`. */
  readonly hostname: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Lets other processes and workers listen on the same port. */
  readonly reusePort?: boolean;
  /** How hard responses are compressed for clients that accept it; `none` by default. */
  readonly responseCompression?: CompressionLevel;
  /** Metadata that becomes request parameters, by key. */
  readonly headerForwardPattern?: RegExp;
  /** `socket` by default: the same calls for less than half of the CPU time. */
  readonly transport?: "socket" | "node";
  readonly clock?: Clock;
}

/** The gRPC endpoint while it runs. */
export interface GrpcServer {
  readonly port: number;
  /** Which transport serves. */
  readonly transport: "socket" | "node";
  /** Accepts no more calls, ends watches, lets what runs finish for up to `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Serves gRPC: `inference.GRPCInferenceService`, health and reflection, and on the same port gRPC-Web and Connect.
 *
 * @throws the system's error where the port cannot be had.
 */
export async function serveGrpc(server: InferenceServer, options: GrpcOptions): Promise<GrpcServer> {
  const stopping = new AbortController();
  const transport = options.transport === "node" ? nodeTransport : socketTransport;
  const { hostname, port, reusePort = false } = options;
  const handler = grpcHandler(server, options, stopping.signal);
  const listening = await transport.start({ hostname, port, reusePort }, handler);
  return {
    port: listening.port,
    transport: transport.name,
    stop(graceMs) {
      stopping.abort();
      return listening.stop(graceMs);
    },
  };
}

const MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer";
const MODEL_STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

/** The handler of every call: inference by the direct path, the rest by Connect. Never rejects. */
export function grpcHandler(server: InferenceServer, options: GrpcOptions, stopping: AbortSignal): GrpcHandler {
  const { responseCompression = "none", headerForwardPattern } = options;
  const modelInfer = new ModelInfer(server, { responseCompression, headerForwardPattern });
  const modelStreamInfer = new ModelStreamInfer(server, { responseCompression, headerForwardPattern }, stopping);
  const handlers = connectHandlers(server, modelInfer, modelStreamInfer, options, stopping);
  return async (call) => {
    const type = call.headers.get("content-type") ?? "";
    if (type === "application/grpc" || type === "application/grpc+proto") {
      if (call.path === MODEL_INFER) return modelInfer.answer(call);
      if (call.path === MODEL_STREAM_INFER) return modelStreamInfer.answer(call);
    }
    try {
      const handler = handlers.get(call.path);
      if (handler?.supportedContentType(type) && handler.allowedMethods.includes(call.method)) {
        return await answerWithConnect(handler, call);
      }
      if (/^application\/grpc($|[+;])/.test(type)) return errorReply(unknownMethod(call.path));
      return explain(call, handler);
    } catch (error) {
      return errorReply(error);
    }
  };
}

/** Connect's handlers by path. */
function connectHandlers(
  server: InferenceServer,
  modelInfer: ModelInfer,
  modelStreamInfer: ModelStreamInfer,
  options: GrpcOptions,
  stopping: AbortSignal,
): ReadonlyMap<string, UniversalHandler> {
  const level = options.responseCompression ?? "none";
  const encoding = (name: "gzip" | "deflate") => ({
    name,
    compress: (bytes: Uint8Array) => compress(bytes, name, level === "none" ? "low" : level) as Promise<Bytes>,
    decompress: (bytes: Uint8Array, limit: number) => decompress(bytes, name, limit) as Promise<Bytes>,
  });
  const router = createConnectRouter({
    acceptCompression: [encoding("gzip"), encoding("deflate")],
    compressMinBytes: level === "none" ? MAX_MESSAGE_BYTES : 0,
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
    interceptors: [statusErrors],
  });
  const reflection = new Reflection([
    file_grpc_service,
    file_health,
    file_reflection_v1,
    file_reflection_v1alpha,
  ]);
  router.service(GRPCInferenceService, inferenceService(server, modelInfer, modelStreamInfer));
  router.service(Health, healthService(server, options.clock ?? systemClock, stopping));
  router.service(ReflectionV1, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        const messageResponse = reflection.answer(request.messageRequest);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  });
  router.service(ReflectionV1Alpha, {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        const messageResponse = reflection.answer(request.messageRequest);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  });
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Gives Connect the code and the text of a Status, also where a stream throws it later. */
const statusErrors: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: withConnectErrors(response.message) } : response;
  } catch (error) {
    throw toConnectError(error);
  }
};

async function* withConnectErrors<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error);
  }
}

/** The answer to what is no call: a browser, a REST client on the wrong port. */
function explain(call: GrpcCall, handler: UniversalHandler | undefined): GrpcReply {
  const text = handler
    ? `${call.path} is called with ${handler.allowedMethods.join(" or ")} and a content type of gRPC, gRPC-Web or ` +
      `Connect, such as application/grpc or application/json.\n`
    : `There is nothing at ${call.path}: this port speaks gRPC, gRPC-Web and Connect. ` +
      `REST is on the HTTP port (--http-port, 8000 by default).\n`;
  return {
    status: handler ? 415 : 404,
    headers: [["content-type", "text/plain; charset=utf-8"]],
    body: new TextEncoder().encode(text),
    trailers: undefined,
  };
}
