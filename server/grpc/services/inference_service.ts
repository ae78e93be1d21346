import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { rpcNotImplemented } from "../../../core/errors/grpc.ts";
import type { TensorMetadata } from "../../../model_repository/model.ts";
import {
  type GRPCInferenceService,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from "../../../proto/gen/grpc_service_pb.ts";
import { EXTENSIONS, type InferenceServer, SERVER_VERSION } from "../../inference_server.ts";
import { FRAME_HEADER } from "../frame.ts";
import type { ModelInfer } from "../infer/model_infer.ts";
import type { ModelStreamInfer } from "../infer/model_stream_infer.ts";
import { repositoryRpcs } from "./repository.ts";
import { sharedMemoryRpcs } from "./shared_memory.ts";
import { statisticsOf } from "./statistics.ts";

type Service = ServiceImpl<typeof GRPCInferenceService>;

/** Every RPC of Triton's service, for Connect. Errors are thrown as Status. */
export function inferenceService(
  server: InferenceServer,
  modelInfer: ModelInfer,
  modelStreamInfer: ModelStreamInfer,
): Service {
  const { repository } = server;
  return {
    serverLive: () => ({ live: server.live }),
    serverReady: () => ({ ready: server.ready }),
    serverMetadata: () => ({ name: server.name, version: SERVER_VERSION, extensions: [...EXTENSIONS] }),

    modelReady({ name, version }) {
      repository.find(name, version);
      return { ready: true };
    },

    modelMetadata({ name, version }) {
      const model = repository.find(name, version);
      const versions = version === "" ? repository.readyVersions(name) : [model];
      return {
        name: model.name,
        versions: versions.map((each) => String(each.version)),
        platform: model.config.platform || model.config.backend,
        inputs: model.inputs.map(tensorMetadata),
        outputs: model.outputs.map(tensorMetadata),
      };
    },

    modelConfig: ({ name, version }) => ({ config: repository.find(name, version).config }),
    modelStatistics: ({ name, version }) => ({ modelStats: statisticsOf(repository, name, version) }),

    /** For gRPC-Web and Connect clients; native gRPC takes the direct path and does not come here. */
    async modelInfer(request, { requestHeader, signal }) {
      const message = toBinary(ModelInferRequestSchema, request);
      const frame = await modelInfer.infer(message, requestHeader, signal);
      return fromBinary(ModelInferResponseSchema, frame.subarray(FRAME_HEADER));
    },

    /** As {@link modelInfer}, for clients of these protocols that can stream. */
    async *modelStreamInfer(requests, { requestHeader, signal }) {
      const stream = modelStreamInfer.open(requestHeader, signal, Infinity);
      const source = requests[Symbol.asyncIterator]();
      stream.run(async () => {
        const { done, value } = await source.next();
        return done ? undefined : toBinary(ModelInferRequestSchema, value);
      });
      yield* messagesOf(stream.frames);
      if (stream.error) throw stream.error;
    },

    traceSetting() {
      throw rpcNotImplemented("TraceSetting");
    },

    logSettings() {
      throw rpcNotImplemented("LogSettings");
    },

    ...repositoryRpcs(repository),
    ...sharedMemoryRpcs(),
  };
}

/** The messages in pieces of whole frames. Who stops reading ends the stream. */
async function* messagesOf(frames: AsyncIterator<Uint8Array>): AsyncGenerator<ModelStreamInferResponse> {
  try {
    for (let next; !(next = await frames.next()).done;) {
      const piece: Uint8Array = next.value;
      for (let at = 0; at < piece.length;) {
        const end = at + FRAME_HEADER + new DataView(piece.buffer, piece.byteOffset + at).getUint32(1);
        yield fromBinary(ModelStreamInferResponseSchema, piece.subarray(at + FRAME_HEADER, end));
        at = end;
      }
    }
  } finally {
    await frames.return?.();
  }
}

function tensorMetadata({ name, datatype, shape }: TensorMetadata) {
  return { name, datatype, shape: shape.map(BigInt) };
}
