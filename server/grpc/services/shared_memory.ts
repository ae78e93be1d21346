import type { ServiceImpl } from "@connectrpc/connect";
import { cudaRegionNotFound, sharedMemoryDisabled, systemRegionNotFound } from "../../../core/errors/wire.ts";
import type { GRPCInferenceService } from "../../../proto/gen/grpc_service_pb.ts";

type SharedMemoryRpcs = Pick<
  ServiceImpl<typeof GRPCInferenceService>,
  | "systemSharedMemoryStatus"
  | "systemSharedMemoryRegister"
  | "systemSharedMemoryUnregister"
  | "cudaSharedMemoryStatus"
  | "cudaSharedMemoryRegister"
  | "cudaSharedMemoryUnregister"
>;

/** The shared memory extensions while client shared memory is disabled: no region exists, none can be made. */
export function sharedMemoryRpcs(): SharedMemoryRpcs {
  const disabled = () => {
    throw sharedMemoryDisabled();
  };
  return {
    systemSharedMemoryStatus({ name }) {
      if (name !== "") throw systemRegionNotFound(name);
      return {};
    },
    cudaSharedMemoryStatus({ name }) {
      if (name !== "") throw cudaRegionNotFound(name);
      return {};
    },
    systemSharedMemoryRegister: disabled,
    systemSharedMemoryUnregister: disabled,
    cudaSharedMemoryRegister: disabled,
    cudaSharedMemoryUnregister: disabled,
  };
}
