import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { serverShuttingDown } from "../../../core/errors/grpc.ts";
import type { Clock } from "../../../core/clock.ts";
import {
  type Health,
  HealthCheckResponse_ServingStatus,
  type HealthCheckResponseSchema,
} from "../../../proto/gen/health_pb.ts";
import type { InferenceServer } from "../../inference_server.ts";

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;

/** The services whose health can be watched; "" is the server as a whole. */
const SERVICES: ReadonlySet<string> = new Set(["", "inference.GRPCInferenceService"]);

/** How often readiness is looked at while somebody watches. */
const WATCH_INTERVAL_MS = 250;

/**
 * `grpc.health.v1`. `Check` says SERVING while the server is ready, whatever service it is asked for, as Triton does.
 * `Watch`, which Triton does not have, follows the standard: the state now, then each change.
 *
 * @param stopping aborted when the server stops: watchers get their last state and the stream ends.
 */
export function healthService(
  server: InferenceServer,
  clock: Clock,
  stopping: AbortSignal,
): ServiceImpl<typeof Health> {
  return {
    check: () => ({ status: server.ready ? SERVING : NOT_SERVING }),

    async *watch({ service }, { signal }): AsyncGenerator<MessageInitShape<typeof HealthCheckResponseSchema>> {
      let sent: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const ending = stopping.aborted;
        const status = !SERVICES.has(service) ? SERVICE_UNKNOWN : server.ready && !ending ? SERVING : NOT_SERVING;
        if (status !== sent) yield { status };
        sent = status;
        if (ending) throw serverShuttingDown();
        await nextLook(clock, signal, stopping);
      }
    },
  };
}

/** Waits for the next interval, or until one of the signals aborts. */
function nextLook(clock: Clock, ...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(WATCH_INTERVAL_MS, done);
    for (const signal of signals) signal.addEventListener("abort", done);
    if (signals.some(({ aborted }) => aborted)) done();
  });
}
