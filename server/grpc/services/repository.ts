import type { ServiceImpl } from "@connectrpc/connect";
import { unknownLoadParameter, wrongLoadParameterType, wrongParameterType } from "../../../core/errors/grpc.ts";
import { explicitLoadNotAllowed, repositoryNameNotSupported } from "../../../core/errors/wire.ts";
import type { IndexEntry, Repository } from "../../../model_repository/model.ts";
import type { GRPCInferenceService, ModelRepositoryParameter } from "../../../proto/gen/grpc_service_pb.ts";
import { protocolIndex } from "../../repository_index.ts";

type RepositoryRpcs = Pick<
  ServiceImpl<typeof GRPCInferenceService>,
  "repositoryIndex" | "repositoryModelLoad" | "repositoryModelUnload"
>;

/** The model repository extension. Loading needs a model control mode that this server does not have. */
export function repositoryRpcs(repository: Repository): RepositoryRpcs {
  return {
    repositoryIndex({ repositoryName, ready }) {
      if (repositoryName !== "") throw repositoryNameNotSupported();
      return { models: protocolIndex(repository, ready).map(indexEntry) };
    },

    repositoryModelLoad({ repositoryName, parameters }) {
      if (repositoryName !== "") throw repositoryNameNotSupported();
      for (const key in parameters) checkLoadParameter(key, parameters[key]);
      throw explicitLoadNotAllowed();
    },

    repositoryModelUnload({ repositoryName, parameters }) {
      if (repositoryName !== "") throw repositoryNameNotSupported();
      const dependents = parameters["unload_dependents"];
      if (dependents && dependents.parameterChoice.case !== "boolParam") {
        throw wrongParameterType("unload_dependents", "bool_param");
      }
      throw explicitLoadNotAllowed();
    },
  };
}

function indexEntry({ name, version, state, reason }: IndexEntry) {
  return { name, version: version === undefined ? "" : String(version), state: state ?? "", reason: reason ?? "" };
}

function checkLoadParameter(key: string, parameter: ModelRepositoryParameter): void {
  const kind = parameter.parameterChoice.case;
  if (key === "config") {
    if (kind !== "stringParam") throw wrongLoadParameterType(key, "string_param");
  } else if (key.startsWith("file:")) {
    if (kind !== "bytesParam") throw wrongLoadParameterType(key, "bytes_param");
  } else throw unknownLoadParameter(key);
}
